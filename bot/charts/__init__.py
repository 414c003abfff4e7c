"""Pictures: values in, SVG out; and SVG to PNG."""
