"""The style sheet of a page: light and dark by what the reader's system asks for, narrow windows, print."""

from __future__ import annotations

from rttp_cli.report.plot.palette import DARK, LIGHT, Palette


def style_sheet() -> str:
    """CSS with every colour of the palettes as a variable."""
    dark = _variables(DARK)
    return (
        f":root{{color-scheme:light dark;--font:{_FONT};{_variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{_RULES}"
    )


def _variables(palette: Palette) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in palette.named().items())


_FONT = 'system-ui,"Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif'
_RULES = """
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1.25rem 4rem;max-width:62rem;background:var(--paper);color:var(--ink);
 font:15px/1.5 var(--font)}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--grid);overflow-wrap:anywhere}
h3{font-size:1rem;margin:2rem 0 .5rem}
p{margin:.5rem 0;max-width:48rem}
.quiet,caption,figcaption,.beside{color:var(--quiet)}
figure{margin:1rem 0;overflow-x:auto}
figure svg{display:block;width:100%;min-width:40rem;height:auto}
svg *{stroke-linejoin:round;stroke-linecap:butt}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.875rem}
caption{text-align:left;padding-bottom:.25rem}
th,td{padding:.2rem .9rem .2rem 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--grid)}
th{font-weight:600}
tbody th{font-weight:400;min-width:6rem;max-width:22rem;overflow-wrap:anywhere}
td:not(.n){overflow-wrap:anywhere;min-width:5rem}
.n{text-align:right;white-space:nowrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.25rem;margin:.5rem 0;font-size:.875rem}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
summary{cursor:pointer;margin:.75rem 0}
.state{font-weight:600;white-space:nowrap}
.fail{color:var(--loss)}
@media (max-width:34rem){body{padding:1rem .75rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
@media print{body{max-width:none;padding:0;font-size:10pt}figure,table{break-inside:avoid}
 figure svg{min-width:0}h2,h3{break-after:avoid}}
"""
