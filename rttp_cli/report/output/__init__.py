"""Results as text, Markdown, CSV, JSON and .hgrm: each form is a function from results to the text of a file."""
