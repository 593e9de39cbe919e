// What every part of the screen is made of: its state, words, dates, building blocks, and how it asks the API.
export const $ = id => document.getElementById(id)
export const empty = () => ({ calls: [], call: null, id: '', said: [], runs: [], prompts: [], keys: [], news: [], full: {}, heard: new Set(), after: '', next: '', loaded: false, moved: null })
export const S = { texts: {}, asked: {}, turn: 0, tries: 0, ticks: 0, ...empty() }
// Words, dates and building blocks.
export const t = (key, params = {}) => (S.texts[key] ?? key).replace(/\{(\w+)\}/g, (all, name) => params[name] ?? all)
export const date = (time, style, end = time) => new Intl.DateTimeFormat(S.locale, { timeZone: S.me?.account.timeZone || undefined, ...style }).formatRange(new Date(time), new Date(end))
export const when = (time, end) => time ? date(time, { dateStyle: 'medium', timeStyle: 'short' }, end > time ? end : time) : '' // a day that begins and ends alike is said once
export const moment = time => date(time, { dateStyle: 'medium', timeStyle: 'medium' })
export const figure = n => n.toLocaleString(S.locale), line = (...parts) => parts.filter(Boolean).join(' · '), nameOf = who => who?.name || who?.id
export const clean = s => (s ?? '').normalize('NFC').replace(/\r\n?/g, '\n')
export const size = s => [...clean(s)].length // characters as people count them; maxlength counts UTF-16 units and is never used
export const path = (...parts) => '/' + parts.filter(Boolean).map(encodeURIComponent).join('/')
export const put = texts => Object.entries(texts).forEach(([id, text]) => { $(id).textContent = text })
export const hide = flags => Object.entries(flags).forEach(([id, off]) => { $(id).hidden = !!off })
export const admin = () => S.me.account.role === 'system_admin'
export const redraw = () => dispatchEvent(new Event('redraw')) // app.js knows what is shown
export function h(tag, props, ...kids) {
  const el = document.createElement(tag)
  const set = (name, value) => name.startsWith('on') ? el.addEventListener(name.slice(2), value) : el.setAttribute(name, value === true ? '' : value)
  for (const [name, value] of Object.entries(props ?? {})) if (value != null && value !== false) set(name, value)
  el.append(...kids.flat(3).filter(kid => kid || kid === 0))
  return el
}
export const button = (key, act, props) => h('button', { type: 'button', 'data-act': key, onclick: act, ...props }, t(key))
export const small = (key, act) => button(key, act, { class: 'small' }), primary = (key, act, props) => button(key, act, { class: 'primary', ...props })
// Rows are keyed and rebuilt only when what they show has changed: a list redrawn on each event cannot be clicked and loses selections.
export function sync(parent, items, build, extra) {
  const old = new Map([...parent.children].map(el => [el.dataset.key, el])), focus = document.activeElement
  const held = parent.contains(focus) && focus.closest('[data-key]')?.dataset.key
  items.forEach((item, i) => {
    const shows = JSON.stringify([S.locale, extra, item]), had = old.get(item.id), el = had?.shows === shows ? had : Object.assign(build(item), { shows })
    el.dataset.key = item.id
    if (parent.children[i] !== el) parent.insertBefore(el, parent.children[i] ?? null)
    if (had === el) old.delete(item.id)
  })
  old.forEach(el => el.remove())
  const row = held && document.activeElement !== focus && [...parent.children].find(el => el.dataset.key === held)
  if (row) ([...row.querySelectorAll('button:enabled, a, input')].find(el => el.dataset.act === focus.dataset.act) ?? row).focus()
}
export async function speak(locale) {
  S.texts = await (await fetch(`texts/${locale}.json`)).json()
  document.documentElement.lang = S.locale = locale
  for (const el of document.querySelectorAll('[data-t]')) el.textContent = t(el.dataset.t)
  for (const el of document.querySelectorAll('[data-t-label]')) el.setAttribute('aria-label', t(el.dataset.tLabel))
  for (const el of document.querySelectorAll('.language')) el.value = locale
  redraw()
}
export async function api(method, where, body, more) {
  const headers = { 'Accept-Language': S.locale, 'X-Requested-With': 'kikigaki', ...(body && { 'Content-Type': 'application/json' }), ...more }
  const lost = { code: 'UNAVAILABLE', title: t('problem.UNAVAILABLE.title'), detail: t('problem.UNAVAILABLE.detail'), status: 503 }
  const res = await fetch('/api/v1' + where, { method, headers, body: body && JSON.stringify(body) }).catch(() => { throw lost })
  const data = res.status === 204 ? null : await res.json().catch(() => null)
  if (res.status === 401 && S.me) dispatchEvent(new Event('expired'))
  if (!res.ok) throw data?.code ? { ...data, status: res.status } : lost
  return data
}
