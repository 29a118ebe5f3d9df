local secret = require "core.secret"

return {
  ["a secret is hidden in every encoding"] = function(t)
    local s = secret.new()
    local value = [[p&ss"w/rd 'x<]]
    s:add(value)
    for _, form in ipairs { value, "p%26ss%22w%2Frd%20%27x%3C", "p%26ss%22w%2frd%20%27x%3c", "p%26ss%22w%2Frd+%27x%3C", "p&amp;ss&quot;w/rd &apos;x&lt;",
      [[p&amp;ss"w/rd 'x&lt;]], "p&amp;ss&#34;w/rd &#39;x&lt;", [[p&ss\"w\/rd 'x<]], [[p&ss\"w/rd 'x<]], [[p\u0026ss\"w/rd 'x\u003c]],
      [[p&ss"w/rd '\''x<]], [[p\&ss\"w/rd\ \'x\<]], [[p&ss\"w/rd 'x<]] } do
      local shown = s:mask("before " .. form .. " after")
      t:equal(shown, "before •••• after", form)
    end
  end,
  ["base64 is hidden wherever the secret stands in the encoded text"] = function(t)
    local s = secret.new()
    s:add("correct horse battery")
    for _, prefix in ipairs { "", "a", "ab", "abc", "user:" } do
      local encoded = t:shell("printf %s '" .. prefix .. "correct horse battery and more' | base64 -w0")
      t:ok(not s:mask(encoded):find("Y3Qg", 1, true) and s:mask(encoded):find("••••", 1, true), prefix)
    end
    for length = 8, 10 do -- at the end no tail is left
      s:add(("correct horse battery"):sub(1, length))
      for _, last in ipairs { "", "\\n" } do
        t:match(s:mask(t:shell("printf '" .. ("correct horse battery"):sub(1, length) .. last .. "' | base64 -w0")), "^••••=*$")
      end
    end
  end,
  ["base64 is hidden in the pieces that lines make of it"] = function(t)
    local s, short, key = secret.new(), "correct horse battery", ("k3%yQ/z<"):rep(20)
    s:add(short)
    s:add(key)
    for _, columns in ipairs { 64, 76 } do
      for before = 0, columns, 5 do
        for _, value in ipairs { short, key } do
          local text = ("."):rep(before) .. value .. "\n"
          local encoded = t:shell(string.format("printf %%s '%s' | base64 -w%d", text, columns))
          local shown = s:mask("secret: " .. encoded):gsub("^secret: ", "")
          local left = table.concat({ shown:gsub("•", ""):gsub("\n", "") })
          local known = 4 * (before // 3) + 4 -- characters that depend on what stands before, and some at the end
          t:ok(#left < known + 4 + 2 * 8, string.format("%d columns, %d before: %s", columns, before, shown))
          t:ok(shown:find("•", 1, true))
        end
      end
    end
    t:equal(s:mask("kubernetes\nY29ycmVjdCBo\nstarted"), "kubernetes\n••••\nstarted")
  end,
  ["each line of a multi-line secret is hidden"] = function(t)
    local s = secret.new()
    s:add("-----BEGIN KEY-----\nabcdefgh\nijklmnop\n")
    t:equal(s:mask("x abcdefgh y"), "x •••• y")
  end,
  ["the password of a URL is hidden as it is written and as it is meant"] = function(t)
    local s = secret.new()
    s:add_urls("see https://me:pass%40word@host:1/x and ftp://nobody@host, http://host:8080/a@b")
    t:equal(s:mask("https://me:pass%40word@host:1/x pass@word ftp://nobody@host http://host:8080/a@b"),
      "https://me:••••@host:1/x •••• ftp://nobody@host http://host:8080/a@b")
  end,
  ["a short secret is hidden only where it stands alone"] = function(t)
    local s = secret.new()
    s:add("cat")
    t:equal(s:mask("cat concatenate 'cat'"), "•••• concatenate '••••'")
    t:equal({ s:add("&a9"), s:add("b!"), s:add("long enough"), s:add("z\nshort") }, { false, false, true, true })
    t:equal(s:mask("x&a9 a&a99 b! xb!"), "x•••• a&a99 •••• xb!")
  end,
}
