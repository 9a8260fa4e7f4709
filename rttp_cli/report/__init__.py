"""The report room: result documents in, percentiles with their certainty and readable text out.

It never measures and never touches a socket; everything it shows is in the document.
"""
