package analysis

import (
	"maps"
	"slices"
)

func newClass() class { return class{jobs: map[string][]job{}, deficit: map[string]int{}} }

// take is one step of deficit round robin: the tenant at the front is served while what it saved up covers its oldest
// job; else it is given a quantum and goes to the back. A dear job waits some rounds, cheap ones of others pass it.
func (c *class) take() (job, bool) {
	for len(c.tenants) > 0 {
		t := c.tenants[0]
		j := c.jobs[t][0]
		if c.deficit[t] < j.tokens {
			c.deficit[t] += quantum
			if len(c.tenants) > 1 || c.deficit[t] < j.tokens {
				c.tenants = append(c.tenants[1:len(c.tenants):len(c.tenants)], t)
			}
			continue
		}
		c.deficit[t] -= j.tokens
		c.drop(t, 0)
		return j, true
	}
	return job{}, false
}

func (c *class) size() (n int) {
	for _, jobs := range c.jobs {
		n += len(jobs)
	}
	return n
}

func (c *class) remove(id string) {
	for t, jobs := range c.jobs {
		if i := slices.IndexFunc(jobs, func(j job) bool { return j.id == id }); i >= 0 {
			c.drop(t, i)
			return
		}
	}
}

// drop takes a tenant's i-th job away; a tenant without jobs has no turn and saves nothing up.
func (c *class) drop(tenant string, i int) {
	c.jobs[tenant] = slices.Delete(slices.Clone(c.jobs[tenant]), i, i+1)
	if len(c.jobs[tenant]) > 0 {
		return
	}
	delete(c.jobs, tenant)
	delete(c.deficit, tenant)
	c.tenants = slices.DeleteFunc(slices.Clone(c.tenants), func(t string) bool { return t == tenant })
}

func (c *class) clone() class {
	return class{tenants: slices.Clone(c.tenants), jobs: maps.Clone(c.jobs), deficit: maps.Clone(c.deficit)}
}
