"""What every screen is built on: header, alarm line, footer, bindings, dialogs, forms, palette."""
