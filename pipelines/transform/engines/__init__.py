"""The engines that compute the models: the warehouse's own, or one elsewhere."""
