-- css: how the report looks: light and dark, on a phone, on a desk, on paper
return [[
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --ink: #1c2430; --soft: #5d6878; --line: #dfe3e9; --good: #13795b;
  --bad: #c02b3c; --look: #97620b; --accent: #2f6fdd; --track: #e9edf3; --term: #10151d; --termink: #d7dee8; --badground: #fdeef0 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #11151b; --card: #191f28; --ink: #e4e9f0; --soft: #97a3b4; --line: #2b3442; --good: #4cc38a; --bad: #ff7a85;
    --look: #e2ae4d; --accent: #6ea4ff; --track: #262f3c; --term: #0b0e13; --termink: #cfd8e3; --badground: #2c191d } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere }
main { max-width: 62rem; margin: 0 auto; padding: 1.25rem 1rem 3rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem }
header { display: flex; flex-wrap: wrap; gap: .4rem .9rem; align-items: center }
.badge { font-size: .82rem; font-weight: 600; padding: .12rem .65rem; border-radius: 1rem; border: 1.5px solid currentColor; white-space: nowrap }
.good { color: var(--good) } .bad { color: var(--bad) } .look { color: var(--look) } .soft { color: var(--soft) }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.5rem), 1fr)); gap: .6rem 1.2rem; margin: 1rem 0 0; padding: 0 }
.facts div { min-width: 0 } .facts dt { font-size: .78rem; color: var(--soft) } .facts dd { margin: 0 }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; margin: 0 0 .7rem }
.failure { border: 1.5px solid var(--bad); background: var(--badground); margin-top: 1.2rem } .failure h2 { margin: 0 0 .4rem; color: var(--bad) }
.failure pre { background: none; color: inherit; padding: 0; margin: .3rem 0; font-size: .9rem }
code, pre, .sum { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .84rem }
pre { margin: .5rem 0 0; padding: .7rem .85rem; background: var(--term); color: var(--termink); border-radius: .45rem; white-space: pre-wrap;
  max-height: 32rem; overflow-y: auto; tab-size: 4 }
pre.end { display: flex; flex-direction: column-reverse }
pre .err { color: #ffb4a8 } pre .cut { color: #8fa1b8; font-style: italic }
.sum { color: var(--soft) } .sum code { font-size: inherit; user-select: all; -webkit-user-select: all }
.artifact + .artifact { border-top: 1px solid var(--line); margin-top: .6rem; padding-top: .6rem }
details, .row { border-bottom: 1px solid var(--line) } details:last-child, .row:last-child { border-bottom: 0 }
.steps { padding: .2rem 1rem }
summary, .row { display: grid; grid-template-columns: 1.3rem minmax(6rem, 11rem) 1fr 4.2rem; gap: .2rem .6rem; align-items: center; padding: .5rem 0 }
summary { cursor: pointer; list-style: none } summary::-webkit-details-marker { display: none }
summary .name::after { content: " \25B8"; color: var(--soft) } details[open] > summary .name::after { content: " \25BE" }
.name { font-weight: 500 } .time { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; color: var(--soft) }
.track { position: relative; height: .6rem; background: var(--track); border-radius: .3rem; overflow: hidden }
.track i { position: absolute; top: 0; bottom: 0; min-width: 3px; border-radius: .3rem; background: var(--accent) } .track .failed { background: var(--bad) }
.detail { grid-column: 2 / -1; color: var(--soft); font-size: .88rem }
.inner { padding: 0 0 .8rem 1.9rem } .inner p { margin: .25rem 0; font-size: .92rem }
.part { margin: .8rem 0 0; font-weight: 500; font-size: .95rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .88rem; margin-top: .4rem }
th { text-align: left; font-weight: 500; color: var(--soft) }
td, th { padding: .28rem .7rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  min-width: 6rem } td:first-child, th:first-child { min-width: 1.3rem } tr:last-child td { border-bottom: 0 }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: .8rem }
figure { margin: 0 } figure img { display: block; width: 100%; height: auto; border-radius: .45rem; background: #000; border: 1px solid var(--line) }
figcaption { font-size: .84rem; color: var(--soft); margin-top: .3rem } .failure figure { max-width: 40rem; margin-top: .7rem }
footer { margin-top: 2.2rem; color: var(--soft); font-size: .82rem }
@media (max-width: 34rem) {
  summary, .row { grid-template-columns: 1.3rem 1fr auto } .track { grid-column: 2 / -1; order: 1; height: .45rem } .detail { order: 2 }
  .inner { padding-left: 0 }
  tr { display: grid; grid-template-columns: 1.3rem repeat(3, 1fr); border-bottom: 1px solid var(--line); padding: .28rem 0 }
  td, th { border: 0; padding: 0 .5rem 0 0; min-width: 0 } th:nth-child(2), td:nth-child(2) { grid-column: 2 / -1 }
  th:nth-child(3), td:nth-child(3) { grid-column: 2 } tr:last-child { border-bottom: 0 } }
@media print {
  :root { --ground: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --term: #fff; --termink: #000; --badground: #fff; --track: #ddd }
  body { font-size: 11pt } main { max-width: none; padding: 0 }
  pre { display: block !important; max-height: none; overflow: visible; border: 1px solid var(--line);
    font-size: 8pt }
  pre .err { color: #000 } details::details-content { content-visibility: visible; display: block; height: auto }
  summary .name::after { content: "" !important }
  .pictures { grid-template-columns: 1fr 1fr }
  .failure pre { border: 0 } .artifact, .row, figure, summary, tr { break-inside: avoid }
  h2, summary, .part { break-after: avoid } * { print-color-adjust: exact } }
]]
