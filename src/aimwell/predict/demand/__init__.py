"""How many units will be wanted of products and categories, day by day or week by week, for the stock planner."""
