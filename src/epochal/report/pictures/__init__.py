"""Pictures as data, and drawn: with Plotly for pages, with matplotlib for papers."""
