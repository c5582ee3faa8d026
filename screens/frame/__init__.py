"""What every screen stands in: header, alarm line, footer, bindings, dialogs, forms, palette."""
