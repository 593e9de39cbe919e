package catalogue

import "golang.org/x/text/language"

// Match returns the locale to answer in: what an Accept-Language header asks for, else the account's own locale, else
// Default. Both may be empty or malformed. Languages are matched as people understand them: pt and pt-PT read pt-BR.
func Match(acceptLanguage, accountLocale string) string {
	locales := Locales()
	supported := make([]language.Tag, len(locales))
	for i, locale := range locales {
		supported[i] = language.Make(locale)
	}
	matcher := language.NewMatcher(supported)
	// A malformed header is no reason to refuse a request; it only says nothing about the language.
	if wanted, _, err := language.ParseAcceptLanguage(acceptLanguage); err == nil && len(wanted) > 0 {
		if _, i, confidence := matcher.Match(wanted...); confidence > language.No {
			return locales[i]
		}
	}
	if account, err := language.Parse(accountLocale); err == nil {
		if _, i, confidence := matcher.Match(account); confidence > language.No {
			return locales[i]
		}
	}
	return Default
}
