// Provider keys: their form, their secret, and what their provider says of them.
import { S, api, date, figure, h, line, moment, path, primary, put, small, t } from './page.js'
import { ask, edit, reasons, sure, tell } from './dialog.js'
import { drop, field, kinds, loadAdmin, required, row, write } from './admin.js'
import { showLimits } from './limits.js'
// A kind has fields of its own, and help that says where to find what, and which rights a key needs.
const help = name => v => S.texts[`key.help.${v.kind}.${name}`] ?? t('key.help.' + name), own = (...kinds) => ({ shown: v => kinds.includes(v.kind) })
const both = (...sentences) => sentences.filter(Boolean).join(' '), day = text => date(text, { dateStyle: 'medium', timeZone: 'UTC' })
const secretField = (old, note) => field('key.secret', 200, { required: !old, type: 'password', hint: v => both(help('secret')(v), t(note)) })
const keyFields = (old, form) => [field('key.kind', 99, { options: kinds, hint: v => t('key.help.' + v.kind), ...old && { shown: () => false } }), field('key.name', 255, { required, hint: help('name') }),
  secretField(old, old ? 'key.secretKeep' : 'key.secretHint'),
  field('key.baseUrl', 2000, { hint: help('baseUrl') }), field('key.deployment', 255, { hint: help('deployment'), ...own('azure_openai') }), field('key.apiVersion', 40, { hint: help('apiVersion'), ...own('azure_openai') }),
  field('key.organizationId', 255, { hint: help('organizationId'), ...own('openai', 'compatible') }), field('key.projectId', 255, { hint: help('projectId'), ...own('openai', 'compatible') }),
  field('key.model', 255, { hint: v => known(form, v) ?? both(help('model')(v), v.kind === 'openai' && t('form.default', { value: form.defaultModel })), list: v => v.kind !== 'compatible' && form.models.map(m => [m.model, facts(m)]) }),
  field('key.maxOutputTokens', 99, { most: 1e6, hint: v => both(help('maxOutputTokens')(v), t('form.default', { value: figure(4000) })) }), field('key.memo', 500, { area: 3 })]
// What the installation's data file knows of a model, or of the family that a name belongs to.
const facts = m => line(t('key.model.facts', { window: figure(m.contextWindow), day: day(m.asOf) }), m.shutdownDate && t('key.model.end', { date: day(m.shutdownDate) }))
function known(form, v) {
  const m = v.model && form.models.filter(m => v.model === m.model || v.model.startsWith(m.model + '-')).sort((a, b) => b.model.length - a.model.length)[0]
  return m && facts(m)
}
// A refusal says which field is at fault in the screen's words, also where the form does not have it.
const named = p => ({ ...p, where: S.texts['key.' + p.field] }), refuse = p => { throw named(p) }
// What the provider could not be asked about is saved on purpose or not at all; what it refused is never saved.
const proven = send => send(false).catch(async p => {
  if (p.code !== 'KEY_UNREACHABLE' || !await ask(t('key.saveUnverified'), reasons(p))) return refuse(p)
  return send(true).catch(refuse)
})
export const keyTools = () => h('div', {}, primary('action.new', () => editKey().catch(tell)))
const newest = async (key, act) => { await loadAdmin(); const now = S.keys.find(one => one.id === key.id); if (now) await act(now) }
async function editKey(key) {
  const form = await api('GET', '/keys/form'), fields = keyFields(key, form), save = v => proven(saveUnverified => {
    const body = Object.fromEntries(fields.filter(f => f.shown?.(v) !== false && (v[f.name] || f.name !== 'secret')).map(f => [f.name, v[f.name]]))
    return write(key ? 'PATCH' : 'POST', path('keys', key?.id), { ...body, revision: key?.revision, saveUnverified })
  })
  edit(t(key ? 'key.edit' : 'key.new'), fields, key ?? { kind: 'openai' }, v => save({ ...v, kind: key?.kind ?? v.kind }), { again: () => newest(key, editKey) })
}
// A secret is replaced without the rest of the form, so that nothing else changes by mistake.
function rotate(key) {
  const send = secret => unverified => unverified ? api('PATCH', path('keys', key.id), { secret, revision: key.revision, saveUnverified: true })
    : api('POST', path('keys', key.id, 'secret'), { secret, revision: key.revision })
  const save = async v => {
    const now = await proven(send(v.secret))
    await loadAdmin().catch(tell)
    tell({ title: t('key.rotate.done', key), detail: t(now.verifiedAt ? 'key.rotate.verified' : 'key.rotate.unverified', { hint: now.secretHint }) })
  }
  edit(t('key.rotate.of', key), [secretField(false, 'key.secretHint')], { kind: key.kind }, save, { intro: t('key.rotate.intro', { hint: key.secretHint }), again: () => newest(key, rotate) })
}
export function keyRow(key) {
  const { requestsPerMinute: requests, tokensPerMinute: tokens } = key.limits ?? {}, limits = requests && t('key.limits', { requests: figure(requests), tokens: figure(tokens ?? 0) })
  const remove = () => sure(t('confirm.deleteKey', key), '', () => drop('keys', key.id, key.revision))
  const end = key.shutdownDate && t('key.shutdown', { date: date(key.shutdownDate, { dateStyle: 'medium' }) }), checked = key.verifiedAt && t('key.verifiedAt', { time: moment(key.verifiedAt) })
  const said = [[h('code', {}, key.model), h('code', {}, '••••' + (key.secretHint ?? ''))], line(checked, limits, key.toldOrganization || key.organizationId, key.baseUrl, key.servedModel), key.memo]
  const again = e => { e.target.disabled = true; return api('POST', path('keys', key.id, 'verify')).then(() => put({ say: t('key.checked', key) }), p => tell(named(p))).then(loadAdmin).catch(tell).finally(() => { e.target.disabled = false }) }
  const tools = [small('key.limits.show', () => showLimits(key).catch(tell)), small('key.verify', again), small('key.rotate', () => rotate(key)), small('action.edit', () => editKey(key).catch(tell)), small('action.delete', remove)]
  const li = row(key.name, [[t('key.kind.' + key.kind)], [!key.verifiedAt && !key.refused && t('key.unverified'), 'busy'], [end, 'bad'], [key.refused?.title, 'bad']], said, tools, { class: 'key' })
  if (key.refused) li.firstChild.append(h('div', { class: 'problem' }, reasons(named(key.refused))))
  return li
}
