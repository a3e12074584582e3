"""How the documentation page looks, by day and by night."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f4f6f8; --line: #d5dbe1; --link: #0b57b4;
  --get: #0a6640; --post: #8a3d00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --paper: #15191d; --soft: #1f252b; --line: #39424b;
  --link: #7db5ff; --get: #6fd3a4; --post: #ffb077; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
.page { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 80rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 1.5rem 1rem;
  font-size: .875rem; }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0; }
nav li { padding: .1rem 0; }
main { padding: 1.5rem 2rem 6rem; border-left: 1px solid var(--line); }
h1 { margin-top: 0; }
h2 { margin-top: 3rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2.5rem 0 .5rem; }
h4 { margin: 1.5rem 0 .5rem; }
a { color: var(--link); }
code, pre { font: .875em/1.5 ui-monospace, monospace; }
code, pre, summary { overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .8rem 1rem; overflow: auto; background: var(--soft); border-radius: .4rem; }
p code, td code, li code { padding: .1em .3em; background: var(--soft); border-radius: .25rem; }
.call { padding: .6rem 1rem; background: var(--soft); border-radius: .4rem; }
.method { margin-right: .6rem; font-weight: 700; }
.get { color: var(--get); }
.post { color: var(--post); }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td:first-child code { white-space: nowrap; }
details { margin: .3rem 0; }
summary { cursor: pointer; }
.need { font-size: .8125rem; opacity: .8; }
@media (max-width: 50rem) { .page { display: block; } nav { position: static; max-height: none; }
  main { border-left: 0; padding: 1rem; } }
"""
