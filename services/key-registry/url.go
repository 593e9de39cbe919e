package keys

import (
	"net"
	"net/url"
	"strings"
)

// normalURL brings a base URL into the one form by which two are compared: http or https, host in lower case, no port
// that the scheme has anyway, no slash at the end. User names, queries and fragments have no place in one.
func normalURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "", u.Opaque != "":
		return "", badURL("no_url")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", badURL("scheme")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return "", badURL("credentials_query_or_fragment")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if host == "" {
		return "", badURL("no_url")
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	return u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/"), nil
}

func badURL(reason string) error { return invalid("baseUrl", reason) }

// hostOf is the part of a base URL that a secret is bound to: who gets it.
func hostOf(baseURL string) string {
	u, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
