-- style: how the reference looks: one column on a phone, three for options where there is room, dark when the reader wants it, and on paper
return [[
:root { color-scheme: light dark; --line: #d8dde3; --dim: #5a6572; --soft: #f4f6f8; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --line: #333b44; --dim: #9aa7b4; --soft: #1b2027; --link: #7db8f5; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
h1 { font-size: 1.8rem; margin: .5rem 0; }
h2 { font-size: 1.4rem; margin: 3rem 0 1rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 a { color: inherit; }
h3 small { color: var(--dim); font-weight: normal; }
h4 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
nav { padding: .2rem 1rem; background: var(--soft); border-radius: .5rem; font-size: .95rem; }
pre, code { font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { margin: .5rem 0; padding: .7rem .9rem; background: var(--soft); border-radius: .4rem; white-space: pre-wrap; }
dl { margin: .5rem 0; }
dl > div { padding: .35rem 0; border-top: 1px solid var(--line); }
dd { margin: 0; }
dt, dd.type { display: inline; margin-right: .6rem; }
.type { color: var(--dim); font-size: .9rem; }
.names a { display: inline-block; margin-right: .8rem; }
:target { background: color-mix(in srgb, var(--link) 12%, transparent); }
footer { margin: 3rem 0 1rem; color: var(--dim); font-size: .85rem; }
@media (min-width: 48rem) { dl > div { display: grid; grid-template-columns: 17rem 15rem 1fr; gap: 1rem; } dt, dd.type { margin: 0; }
  dl.two > div { grid-template-columns: 17rem 1fr; } }
@media print { nav { display: none; } pre { border: 1px solid var(--line); } section { break-inside: avoid-page; } }
]]
