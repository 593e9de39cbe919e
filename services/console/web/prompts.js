// Prompts: their form, their order and their history.
import { S, api, button, h, line, path, primary, put, redraw, small, t, when } from './page.js'
import { ask, edit, modal, reasons, sure, tell } from './dialog.js'
import { drop, field, kinds, loadAdmin, required, row, write } from './admin.js'
export const why = p => p.broken && t('prompt.broken.' + p.broken.code, p.broken.params)
const keysOf = v => S.keys.filter(key => key.kind === v.keyKind).map(key => [key.id, key.name]), onOff = () => [['', t('prompt.advanced.off')], ['on', t('prompt.advanced.on')]]
const splits = () => [['auto', t('prompt.split.auto')], ['fixed_1000', t('prompt.split.fixed')]], advanced = v => v.advanced === 'on'
const promptFields = [field('prompt.name', 255, { required }), field('prompt.keyKind', 99, { options: kinds }), field('prompt.keyId', 99, { required, options: keysOf }),
  field('prompt.text', 1000, { required, area: 9 }), field('prompt.advanced', 99, { options: onOff }),
  field('prompt.mapText', 1000, { area: 5, hint: 'prompt.mapTextHint', shown: advanced }), field('prompt.split', 99, { options: splits, hint: 'prompt.splitHint', shown: advanced }), field('prompt.memo', 500, { area: 3 })]
const editPrompt = p => edit(t(p ? 'prompt.edit' : 'prompt.new'), promptFields, { keyKind: S.keys[0]?.kind, ...p, advanced: p?.advanced ? 'on' : '' },
  v => write(p ? 'PATCH' : 'POST', path('prompts', p?.id), { ...v, advanced: !!v.advanced, revision: p?.revision }),
  { again: async () => { await loadAdmin(); const now = S.prompts.find(one => one.id === p.id); if (now) editPrompt(now) } })
function move(p, to) {
  const from = S.moved.findIndex(one => one.id === p.id)
  to = Math.max(0, Math.min(to, S.moved.length - 1))
  if (from < 0 || from === to) return
  S.moved.splice(to, 0, ...S.moved.splice(from, 1))
  redraw()
  put({ say: t('prompt.moved', { name: p.name, position: to + 1 }) })
}
// An order that is refused is kept on the screen: whoever was faster is named, and a prompt that is gone is left out.
async function saveOrder() {
  if (!await ask(t('confirm.save'))) return
  const p = await write('PUT', '/prompts/order', { ids: S.moved.map(one => one.id), revision: S.order }).then(() => null, error => error)
  if (p?.status === 409) return await ask(p.title, [reasons(p), h('p', {}, t('prompt.orderNewest'))]) && loadAdmin().catch(tell)
  if (p?.status === 422) await api('GET', '/prompts').then(({ prompts }) => {
    const has = (list, one) => list.some(other => other.id === one.id)
    Object.assign(S, { prompts, moved: [...S.moved.filter(one => has(prompts, one)), ...prompts.filter(one => !has(S.moved, one))] })
    redraw()
  }).catch(() => {})
  if (p) tell(p)
}
// What became of a prompt: any two of its revisions, compared, and each of them to go on from.
async function history(p) {
  const { revisions } = await api('GET', path('prompts', p.id, 'revisions')), labels = list => list.map(name => t(fieldOf(name).label)).join(', ')
  const named = r => line(t('prompt.revision', r), when(r.changedAt), r.changedBy.name)
  const pick = (id, label, value) => [h('label', { for: id }, t(label)), Object.assign(h('select', { id, onchange: () => show().catch(tell) }, revisions.map(r => h('option', { value: r.revision }, named(r)))), { value })]
  const before = pick('before', 'prompt.before', (revisions[1] ?? revisions[0]).revision), after = pick('after', 'prompt.after', revisions[0].revision)
  const out = h('div', { class: 'diff', 'aria-live': 'polite', tabindex: 0 })
  const said = (c, v) => ({ keyId: () => S.keys.find(key => key.id === v)?.name ?? v, advanced: () => t(v === 'true' ? 'prompt.advanced.on' : 'prompt.advanced.off') })[c.field]?.() ?? fieldOf(c.field).options().find(([value]) => value === v)?.[1] ?? v
  const part = ({ kind, text }) => kind === 'same' ? text : h(kind === 'added' ? 'ins' : 'del', {}, text)
  const show = async () => {
    const { changes } = await api('GET', path('prompts', p.id, 'compare') + `?from=${before[1].value}&to=${after[1].value}`)
    const shown = changes.map(c => [h('h4', {}, t(fieldOf(c.field).label)), h('p', { class: 'text' }, c.parts.length ? c.parts.map(part) : [h('del', {}, said(c, c.before)), ' → ', h('ins', {}, said(c, c.after))])])
    out.replaceChildren(...shown.flat(), shown.length ? '' : t(revisions.length > 1 ? 'prompt.same' : 'prompt.first'))
  }
  await show()
  const again = r => { box.close(); editPrompt({ ...r, revision: p.revision }) }
  const items = revisions.map(r => h('li', {}, h('span', {}, named(r), r.changed.length > 0 && h('span', { class: 'muted' }, ' ' + labels(r.changed))), r.revision !== p.revision && small('prompt.reuse', () => again(r))))
  const box = modal(t('prompt.historyOf', p), h('div', { class: 'history' }, h('div', { class: 'pair' }, h('div', {}, before), h('div', {}, after)), out,
    h('ol', {}, items), h('p', { class: 'hint' }, t('prompt.historyHint')), h('div', { class: 'tools' }, button('action.close', () => box.close()))))
}
const fieldOf = name => promptFields.find(f => f.name === name)
export function promptTools({ moving, many }) {
  const key = h('select', { 'aria-label': t('prompt.examplesKey') }, S.keys.map(k => h('option', { value: k.id }, k.name))), any = S.keys.length > 0
  const make = () => sure(t('confirm.examples'), t('confirm.examplesDetail'), () => write('POST', '/prompts/examples', { keyId: key.value, language: S.locale }))
  const turn = () => { S.moved = S.moved ? null : [...S.prompts]; redraw() }
  return h('div', { class: 'tools' }, moving ? [button('action.cancel', turn), primary('action.save', saveOrder)]
    : [any && [key, button('prompt.examples', make)], many && button('prompt.order', turn), primary('action.new', () => editPrompt(), { disabled: !any })])
}
export function promptRow(p) {
  const remove = () => sure(t('confirm.deletePrompt', p), '', () => drop('prompts', p.id, p.revision))
  const tools = [small('prompt.history', () => history(p).catch(tell)), small('action.edit', () => editPrompt(p)), small('action.delete', remove)]
  const chips = [[S.keys.find(key => key.id === p.keyId)?.name ?? t('key.kind.' + p.keyKind)], [p.broken && t('prompt.broken'), 'bad']]
  return row(p.name, chips, [p.broken && h('span', { class: 'bad' }, why(p)), h('span', { class: 'prompt' }, p.text), p.memo], S.moved ? orderTools(p) : tools, S.moved && orderKeys(p))
}
const orderTools = p => {
  const to = (key, label, place) => h('button', { class: 'small', 'data-act': key, 'aria-label': t(label, p), onclick: () => move(p, place) }, S.texts[key] ?? key)
  const place = h('input', { class: 'place', inputmode: 'numeric', 'data-act': 'place', 'aria-label': t('prompt.place', p), value: p.place, onchange: () => { const n = parseInt(place.value.normalize('NFKC'), 10); place.value = p.place; if (n) move(p, n - 1) } })
  return [place, to('prompt.toTop', 'prompt.top', 0), to('▲', 'prompt.up', p.place - 2), to('▼', 'prompt.down', p.place), to('prompt.toBottom', 'prompt.bottom', S.moved.length - 1)]
}
const orderKeys = p => ({
  tabindex: 0, draggable: 'true', ondragstart: e => { S.drag = p; e.dataTransfer.effectAllowed = 'move' }, ondragover: e => e.preventDefault(),
  ondrop: e => { e.preventDefault(); if (S.drag) move(S.drag, p.place - 1); S.drag = null },
  onkeydown: e => { const by = { ArrowUp: -1, ArrowDown: 1 }[e.key]; if (e.altKey && by) { e.preventDefault(); move(p, p.place - 1 + by) } },
})
