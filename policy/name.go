package policy

// IsName reports whether text can name a client or a credential: 1 to 64 letters,
// digits, dots, dashes and underscores. Names become metric labels.
func IsName(text string) bool {
	return text != "" && len(text) <= 64 && only(text, isTokenByte)
}
