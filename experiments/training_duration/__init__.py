"""How long must a proxy train before it ranks mixtures rightly? Three lengths."""
