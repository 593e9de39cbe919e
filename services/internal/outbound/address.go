package outbound

import "net/netip"

// special are ranges that are not ours to call though nothing in their form says so.
func special() []netip.Prefix {
	texts := []string{
		"0.0.0.0/8",       // this network
		"100.64.0.0/10",   // shared address space behind carriers; some clouds keep metadata there
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"240.0.0.0/4",     // reserved, broadcast
		"::/96",           // IPv4-compatible: an IPv4 address that is not unmapped
		"::ffff:0:0:0/96", // IPv4-translated, likewise
		"64:ff9b::/96",    // IPv4 within IPv6: reaches what the IPv4 rules refuse
		"64:ff9b:1::/48",
		"100::/64",
		"2001::/23", // Teredo and other tunnels
		"2001:db8::/32",
		"2002::/16", // 6to4
		"fec0::/10", // old site-local
	}
	out := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// Allowed tells whether an address may be called: it is a public one, or a prefix of the operator's has it. An IPv4
// address in IPv6 clothes is judged as the IPv4 address it is.
func Allowed(a netip.Addr, operator []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, p := range operator {
		if p.Contains(a) {
			return true
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false // loopback, link-local, multicast, unspecified, private, unique local
	}
	for _, p := range special() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
