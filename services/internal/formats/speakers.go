package formats

// who makes a speaker of a value of the file. name is what stands for it, if something else does. What means agent or
// customer becomes that.
func (b *builder) who(v value, name string) string {
	to := b.to("speaker")
	if name == "" {
		name = v.raw()
	}
	known, ok := role(name)
	switch {
	case !v.there():
		return ""
	case ok && known == v.raw():
		v.understood(to)
		return known
	case ok:
		v.mapped(to, noteRole)
		return known
	case name == v.raw():
		return v.line(to)
	}
	v.mapped(to, noteRole)
	return name
}
