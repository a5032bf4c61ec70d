"""Contents of messages that tests of several rooms compile."""

from __future__ import annotations

__all__ = ["MJML"]

MJML = """<mjml>
  <mj-body>
    <mj-section><mj-column>
      <mj-text>Hi {{ name | default: "you" }} {% if spend < 3 %}& more{% endif %}</mj-text>
      <mj-button href="https://shop.example/{{ slug }}?a=1">Go</mj-button>
      <mj-raw>{% for p in products %}</mj-raw>
      <mj-text>{{ p.name }}</mj-text>
      <mj-raw>{% endfor %}</mj-raw>
      <mj-image src="https://shop.example/a.png" alt="Family 👩‍👩‍👧" />
    </mj-column></mj-section>
  </mj-body>
</mjml>"""
"""Liquid in a text, in an address and around a part; signs that MJML would take for its own."""
