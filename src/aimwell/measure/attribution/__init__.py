"""Attribution: how the credit for conversions is divided among the contacts that came before them."""
