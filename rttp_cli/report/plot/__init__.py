"""Plots of results: `terminal.render` for terminals, `image.write` for PNG and SVG, `html.write` for one page.

`series` turns results into what a plot can show and draws nothing. matplotlib is imported when something is drawn.
"""
