"""The texts that people write for messages: Liquid in a sandbox, parsed, checked and rendered.

`checks` says what is wrong with a text before anybody gets it, `render` renders one for many people.
"""
