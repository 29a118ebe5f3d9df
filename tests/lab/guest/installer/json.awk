# JSON to lines: path, tab, type letter (s n b z a o), tab, value. Strings keep
# their escapes \n \t \\ \" as the JSON has them, other control characters as
# \0ooo, so that printf %b gives the text back. Exit 1 with a
# message and the line for what is not JSON. Source: RFC 8259.

function fail(what) {
    line = 1
    for (i = 1; i < at; i++) if (substr(text, i, 1) == "\n") line++
    print "not valid JSON, line " line ": " what > "/dev/stderr"
    failed = 1
    exit 1
}

function blank() { if (match(substr(text, at, 4096), /^[ \t\r\n]+/)) { at += RLENGTH; blank() } }

function string(    rest, out, c) {
    out = ""
    at++
    for (;;) {
        rest = substr(text, at, 4096)
        if (match(rest, /^[^"\\\n]+/)) { out = out substr(rest, 1, RLENGTH); at += RLENGTH; continue }
        c = substr(rest, 1, 1)
        if (c == "\"") { at++; return out }
        if (c != "\\") fail("string without its closing quote")
        c = substr(rest, 2, 1)
        if (c == "u") {
            if (!match(substr(rest, 3, 4), /^[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F]$/)) fail("\\u without four digits")
            out = out utf8(hex(substr(rest, 3, 4)))
            at += 6
        } else if (index("\"/\\bfnrt", c)) {
            out = out (c == "/" ? "/" : c == "\"" ? "\"" : "\\" c)
            at += 2
        } else fail("unknown escape \\" c)
    }
}

function hex(digits,    n, i) {
    for (i = 1; i <= length(digits); i++) n = n * 16 + index("0123456789abcdef", tolower(substr(digits, i, 1))) - 1
    return n
}

function octal(byte) { return sprintf("\\0%03o", byte) }

function utf8(code) {
    if (code >= 55296 && code <= 57343) fail("surrogate pairs are not known here")
    if (code < 128) return octal(code)
    if (code < 2048) return octal(192 + int(code / 64)) octal(128 + code % 64)
    return octal(224 + int(code / 4096)) octal(128 + int(code / 64) % 64) octal(128 + code % 64)
}

function value(path,    c, n, key) {
    blank()
    c = substr(text, at, 1)
    if (c == "\"") { print path "\ts\t" string() }
    else if (c == "{") {
        print path "\to\t"
        at++; blank()
        if (substr(text, at, 1) == "}") { at++; return }
        do {
            blank()
            if (substr(text, at, 1) != "\"") fail("expected a name in quotes")
            key = string(); blank()
            if (substr(text, at++, 1) != ":") { at--; fail("expected a colon after \"" key "\"") }
            value(path "." key); blank()
        } while (substr(text, at++, 1) == ",")
        at--
        if (substr(text, at++, 1) != "}") { at--; fail("expected , or }") }
    } else if (c == "[") {
        print path "\ta\t"
        at++; blank()
        if (substr(text, at, 1) == "]") { at++; return }
        do { value(path "[" ++n "]"); blank() } while (substr(text, at++, 1) == ",")
        at--
        if (substr(text, at++, 1) != "]") { at--; fail("expected , or ]") }
    } else if (match(substr(text, at, 64), /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?/)) {
        print path "\tn\t" substr(text, at, RLENGTH); at += RLENGTH
    } else if (match(substr(text, at, 8), /^(true|false|null)/)) {
        print path "\tb\t" substr(text, at, RLENGTH); at += RLENGTH
    } else fail("expected a value, found \"" substr(text, at, 12) "\"")
}

{ text = text $0 "\n" }
END {
    if (failed) exit 1
    at = 1
    value("")
    blank()
    if (at <= length(text)) fail("something follows the end")
}
