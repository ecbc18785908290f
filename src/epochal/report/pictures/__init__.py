"""Pictures as data, drawn with Plotly for pages and with matplotlib for papers."""
