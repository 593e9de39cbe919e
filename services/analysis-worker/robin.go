package analysis

import (
	"maps"
	"slices"
)

// class is the jobs of one priority, by tenant.
type class struct {
	tenants []string // those with jobs, in the order of their turns
	jobs    map[string][]job
	deficit map[string]int
}

func newClass() class { return class{jobs: map[string][]job{}, deficit: map[string]int{}} }

// front is whose turn it is by deficit round robin: the tenant at the front is served while what it saved up covers its
// oldest job; else it is given a quantum and goes to the back. A dear job waits some rounds, cheap ones of others pass it.
// Asked again before anything is taken, it is the same job.
func (c *class) front() (job, bool) {
	for len(c.tenants) > 0 {
		t := c.tenants[0]
		j := c.jobs[t][0]
		if c.deficit[t] >= j.tokens {
			return j, true
		}
		c.deficit[t] += quantum
		if len(c.tenants) > 1 || c.deficit[t] < j.tokens {
			c.tenants = append(c.tenants[1:len(c.tenants):len(c.tenants)], t)
		}
	}
	return job{}, false
}

// take takes the job whose turn it is.
func (c *class) take() (job, bool) {
	j, ok := c.front()
	if ok {
		c.deficit[j.tenant] -= j.tokens
		c.drop(j.tenant, 0)
	}
	return j, ok
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
	if i == 0 { // as who looks ahead does again and again: with a copy each time a long line is read in its square
		c.jobs[tenant] = c.jobs[tenant][1:]
	} else {
		c.jobs[tenant] = slices.Delete(slices.Clone(c.jobs[tenant]), i, i+1)
	}
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

func byAge(a, b job) int {
	switch {
	case a.sequence < b.sequence || a.sequence == b.sequence && a.index < b.index:
		return -1
	case a.id == b.id:
		return 0
	default:
		return 1
	}
}

func (c *class) add(j job) {
	if len(c.jobs[j.tenant]) == 0 {
		c.tenants = append(c.tenants, j.tenant)
	}
	at, _ := slices.BinarySearchFunc(c.jobs[j.tenant], j, byAge)
	c.jobs[j.tenant] = slices.Insert(c.jobs[j.tenant], at, j)
}
