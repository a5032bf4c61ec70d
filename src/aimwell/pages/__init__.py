"""Self-contained pages to show: one style for all, charts as inline SVG, templates that show any text harmlessly."""
