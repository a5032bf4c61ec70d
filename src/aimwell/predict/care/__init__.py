"""Care of models: is what they look at still as it was, are they still as good, is a newer version better?"""
