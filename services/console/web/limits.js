// The limits of a key: what the provider said last, what is used of it, and what an administrator has set.
import { S, api, button, figure, h, line, moment, path, primary, t } from './page.js'
import { ask, edit, modal, reasons, sure, tell } from './dialog.js'
import { field, loadAdmin, write } from './admin.js'
const names = ['requestsPerMinute', 'tokensPerMinute', 'contextWindow'], most = 1e9
const lasts = seconds => new Intl.NumberFormat(S.locale, { style: 'unit', unit: seconds < 120 ? 'second' : 'minute', unitDisplay: 'long', maximumFractionDigits: 1 }).format(seconds < 120 ? seconds : seconds / 60)
const amount = n => n ? figure(n) : t('key.limits.unknown')
// What the provider said of a limit, and what was used of it; nothing of a context window, which is no limit by the minute.
const said = (l, name) => ({ requestsPerMinute: l.said?.requests, tokensPerMinute: l.said?.tokens })[name]
const used = (l, name) => ({ requestsPerMinute: l.used.requests, tokensPerMinute: l.used.tokens })[name]
// The window of a model is in the data file that came with the key, not in what a provider says.
const known = (l, key, name) => said(l, name)?.limit || l.limits[name] || name === 'contextWindow' && key.limits?.contextWindow
function card(l, key, name) {
  const told = said(l, name), now = used(l, name), limit = l.effective[name] || known(l, key, name), title = t('key.limits.' + name)
  const lines = [['key.limits.used', now != null && figure(now)], ['key.limits.effective', amount(limit)],
    [now == null ? 'key.limits.model' : told?.limit ? 'key.limits.said' : 'key.limits.verified', amount(known(l, key, name))],
    ['key.limits.left', told?.left != null && figure(told.left)], ['key.limits.fullIn', told?.fullInSeconds != null && lasts(told.fullInSeconds)],
    ['key.limits.set', l.overrides[name] ? figure(l.overrides[name]) : t('key.limits.none')]]
  return h('section', { class: 'card' }, h('h3', {}, title), now != null && limit && h('meter', { max: limit, high: .8 * limit, optimum: 0, value: Math.min(now, limit), 'aria-label': t('key.limits.used') + ' · ' + title }),
    h('dl', {}, lines.map(([label, value]) => value && h('div', {}, h('dt', {}, t(label)), h('dd', {}, value)))))
}
const figures = (l, key) => [h('p', {}, h('span', { class: 'chip ' + (l.running ? 'busy' : '') }, t('key.limits.now', { running: figure(l.running), waiting: figure(l.waiting) }))),
  h('p', { class: 'muted' }, l.sharedWith.length ? t('key.limits.shared', { names: l.sharedWith.join(', ') }) : t('key.limits.alone')),
  h('p', { class: 'muted' }, l.said ? t('key.limits.saidAt', { time: moment(l.said.at) }) : t('key.limits.nothing')), h('div', { class: 'cards' }, names.map(name => card(l, key, name)))]
// showLimits opens what is known, and keeps it up to date while it is open. Figures are drawn anew only when they have changed,
// and have the focus first: a button below them would have a small screen begin at the end.
export async function showLimits(key) {
  const at = path('keys', key.id, 'limits'), out = h('div', { class: 'limits', tabindex: -1, autofocus: true }), revision = () => (S.keys.find(one => one.id === key.id) ?? key).revision
  let l, shown
  const load = async () => {
    l = await api('GET', at)
    clear.hidden = !Object.keys(l.overrides).length
    if (shown !== (shown = JSON.stringify(l))) out.replaceChildren(...figures(l, key).flat())
  }
  const set = () => edit(t('key.override.of', key), names.map(name => field('key.limits.' + name, 99, { name, most, hint: () => t('key.override.hint', { limit: amount(known(l, key, name)) }) })), l.overrides,
    v => write('PUT', at, { ...v, revision: revision() }).then(load), { intro: t('key.override.intro'), again: async () => { await loadAdmin(); await load(); set() } })
  const remove = () => sure(t('confirm.clearOverrides', key), t('confirm.clearOverridesDetail'), () => write('PUT', at, { revision: revision() }).then(load).catch(late))
  const late = async p => { if (p.code !== 'REVISION_STALE') throw p; if (await ask(p.title, [reasons(p), h('p', {}, t('form.loadNewest'))])) { await loadAdmin(); await load() } }
  const clear = button('key.override.clear', remove, { hidden: true })
  await load()
  const box = modal(t('key.limits.of', key), h('div', {}, out, h('div', { class: 'tools' }, button('action.close', () => box.close()), clear, primary('key.override', set))))
  box.scrollTop = 0
  const follow = async () => {
    if (!box.isConnected) return
    if (!document.hidden) await load().catch(p => { if (p.status === 404) { box.close(); tell(p); loadAdmin().catch(tell) } })
    setTimeout(follow, 3000)
  }
  setTimeout(follow, 3000)
}
