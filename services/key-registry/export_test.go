package keys

// NormalURL is normalURL, for its table.
func NormalURL(text string) (string, error) { return normalURL(text) }
