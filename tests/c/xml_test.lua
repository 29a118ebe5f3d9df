local xml = require "xml"

local A, B = "urn:a", "urn:b"
local TEXT = [[<?xml version="1.0"?>
<!-- kept -->
<e xmlns="urn:a" xmlns:p="urn:a" xmlns:b="urn:b" p:x="1" x="2">
  <i b:n="one">first</i>
  <i b:n="two">a &lt; b &amp; c</i>
  <b:i>  <k/> tail</b:i>
  <s> </s>
</e>
]]

local function parse(t, text, prefixes)
  local doc = assert(xml.parse(text or TEXT, prefixes or { a = A, b = B }))
  t:defer(function() doc:close() end)
  return doc
end

-- What xmllint makes of it, in the form that does not depend on how it was written.
local function canonical(t, text)
  local out, status = t:shell("xmllint --noblanks --exc-c14n " .. t:write(t:directory() .. "/x", text))
  t:equal(status, 0, out)
  return out
end

return {
  ["a document is searched by XPath with prefixes of one's own"] = function(t)
    local doc = parse(t)
    local items = doc:find("a:i")
    t:equal(#items, 2)
    t:equal({ items[1]:get("b:n"), items[1]:get("n"), items[1]:text(), items[2]:text() }, { "one", nil, "first", "a < b & c" })
    t:equal({ doc:root():get("a:x"), doc:root():get("x") }, { "1", "2" })
    t:equal({ doc:root():name() }, { "e", A })
    t:equal({ doc:find("b:i")[1]:name() }, { "i", B })
    t:equal(doc:find("//a:i/@b:n"), { "one", "two" })
    t:equal({ doc:value("a:i[2]/@b:n"), doc:value("a:none"), doc:value("count(a:i)"), items[2]:value("@b:n") }, { "two", nil, "2", "two" })
    t:equal({ doc:find("i"), doc:value("a:s") }, { {}, " " })
    t:raises("bad XPath", doc.find, doc, "a:i[")
    t:raises("bad XPath", doc.find, doc, "c:i")
    t:raises("prefix 'c' was not given", items[1].get, items[1], "c:n")
    t:raises("not an XML name", items[1].get, items[1], "a b")
  end,

  ["what is written says the same as what was read"] = function(t)
    t:equal(canonical(t, parse(t):text()), canonical(t, TEXT))
    t:contains(parse(t):text(), "<!-- kept -->")
    t:contains(parse(t):text(), '\n  <i b:n="one">first</i>\n')
    t:contains(parse(t):text(), "<s> </s>")
  end,

  ["edits keep and find namespaces"] = function(t)
    local doc = parse(t, nil, { a = A, b = B, c = "urn:c" })
    local root, first = doc:root(), doc:find("a:i")[1]
    first:set("b:n", "1 < 2 & \"3\"\n'4'"):set("a:y", 5):set("plain", "x")
    first:set("b:none", nil)
    root:set("x", nil)
    local new = root:append("a:new", "<&>", first)
    new:append("b:deep", "")
    new:append("c:far", "1"):set("c:n", "v")
    doc:find("b:i")[1]:text("only this")
    doc:find("a:s")[1]:remove()
    t:equal(canonical(t, doc:text()), canonical(t, [[<!-- kept -->
<e xmlns="urn:a" xmlns:p="urn:a" xmlns:b="urn:b" xmlns:c="urn:c" p:x="1"><new>&lt;&amp;&gt;<b:deep/><c:far c:n="v">1</c:far></new>
<i b:n="1 &lt; 2 &amp; &quot;3&quot;&#10;'4'" p:y="5" plain="x">first</i><i b:n="two">a &lt; b &amp; c</i><b:i>only this</b:i></e>]]))
    local again = parse(t, doc:text())
    t:equal(again:find("a:i")[1]:get("b:n"), "1 < 2 & \"3\"\n'4'")
  end,

  ["an attribute does not take the default namespace"] = function(t)
    local doc = parse(t, '<e xmlns="urn:a"><i/></e>', { a = A })
    doc:find("a:i")[1]:set("a:n", "1")
    t:equal(parse(t, doc:text(), { z = A }):value("z:i/@z:n"), "1")
    -- the prefix means something else further down
    doc = parse(t, '<e xmlns="urn:a"><a:i xmlns:a="urn:z"/></e>', { a = A, z = "urn:z" })
    doc:find("z:i")[1]:set("a:n", "1")
    t:equal(parse(t, doc:text(), { z = A, a = "urn:z" }):value("a:i/@z:n"), "1")
  end,

  ["texts that XML cannot hold are refused"] = function(t)
    local doc = parse(t)
    local node = doc:find("a:i")[1]
    for _, bad in ipairs { "a\0b", "\1", "\xff", "\xed\xa0\x80", "\xef\xbf\xbf", "caf\xe9" } do
      t:fails("format", node:set("b:n", bad))
      t:fails("format", node:text(bad))
      t:fails("format", node:append("a:x", bad))
    end
    t:equal(canonical(t, doc:text()), canonical(t, TEXT))
    node:text("tab\t line\n cr\r ü 😀")
    t:equal(parse(t, doc:text()):find("a:i")[1]:text(), "tab\t line\n cr\r ü 😀")
  end,

  ["removed elements can still be looked at"] = function(t)
    local doc = parse(t)
    local outer = doc:find("b:i")[1]
    local inner = outer:find("a:k")[1]
    outer:remove()
    t:equal({ outer:text(), (inner:name()) }, { " tail", "k" })
    outer:text("gone")
    outer:remove()
    inner:set("b:n", "1")
    t:equal(doc:find("//b:i"), {})
    local items = doc:find("a:i")
    doc:root():text("nothing else")
    t:equal({ items[1]:text(), doc:root():text() }, { "first", "nothing else" })
    t:raises("root element", doc:root().remove, doc:root())
    t:raises("not a child", doc:root().append, doc:root(), "a:x", "", inner)
  end,

  ["a node outlives the variable of its document, not its closing"] = function(t)
    local node
    do
      local doc = xml.parse(TEXT, { a = A })
      node = doc:find("a:i")[1]
      t:defer(function() doc:close() end)
    end
    collectgarbage() collectgarbage()
    t:equal(node:text(), "first")
    local doc = xml.parse(TEXT, { a = A })
    node = doc:find("a:i")[1]
    doc:close()
    doc:close()
    t:raises("closed xml.document", node.text, node)
    t:raises("closed xml.document", doc.find, doc, "a:i")
  end,

  ["bad XML is refused with its line"] = function(t)
    t:contains(t:fails("format", xml.parse("<a>\n<b>\n</a>")), "line 3")
    t:contains(t:fails("format", xml.parse("")), "bad XML")
    for _, bad in ipairs { "text", "<a", "<a/><b/>", "<p:a/>", "<a>&none;</a>", "<a x='1' x='2'/>", "<a>\1</a>", "\xff\xfe", "<a>" .. ("\xff") .. "</a>" } do
      t:fails("format", xml.parse(bad))
    end
    t:fails("format", xml.parse(("<a>"):rep(1000) .. ("</a>"):rep(1000)))
    t:fails("format", xml.parse("<a>" .. (" "):rep(16 << 20) .. "</a>"))
    t:raises("prefixes to URIs", xml.parse, "<a/>", { 1 })
    t:equal(parse(t, "\xef\xbb\xbf<a>1</a>"):root():text(), "1")
    t:equal(parse(t, "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>"):root():text(), "é")
  end,

  ["a document type is refused before anything in it is read"] = function(t)
    local secret = t:write(t:directory() .. "/secret", "secret")
    for _, bad in ipairs {
      "<!DOCTYPE a><a/>", '<!DOCTYPE a SYSTEM "' .. secret .. '"><a/>', '<!DOCTYPE a [<!ENTITY e SYSTEM "file://' .. secret .. '">]><a>&e;</a>',
      '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><a x="&c;">&c;</a>',
    } do
      t:contains(t:fails("format", xml.parse(bad)), "document type")
    end
  end,

  ["nonsense crashes nothing"] = function(t)
    local parsed = 0
    for _ = 1, 500 do
      local at = math.random(#TEXT)
      local text = TEXT:sub(1, at - 1) .. string.char(math.random(0, 255)) .. TEXT:sub(at + 1)
      local doc, _, code = xml.parse(text, { a = A, b = B })
      if doc then
        parsed = parsed + 1
        for _, node in ipairs(doc:find("//a:i")) do node:set("b:n", "1") node:remove() end
        doc:text()
        doc:close()
      else
        t:equal(code, "format")
      end
    end
    t:ok(parsed > 0)
  end,
}
