// Provider keys.
import { S, api, date, figure, h, line, path, primary, small, t, when } from './page.js'
import { ask, edit, reasons, sure, tell } from './dialog.js'
import { field, kinds, loadAdmin, required, row, write } from './admin.js'
// A kind has fields of its own, and help that says where to find what, and which rights a key needs.
const help = name => v => S.texts[`key.help.${v.kind}.${name}`] ?? t('key.help.' + name), own = (...kinds) => ({ shown: v => kinds.includes(v.kind) })
const keyFields = old => [field('key.kind', 99, { options: kinds, hint: v => t('key.help.' + v.kind), ...old && { shown: () => false } }), field('key.name', 255, { required, hint: help('name') }),
  field('key.secret', 200, { required: !old, type: 'password', hint: v => line(help('secret')(v), t(old ? 'key.secretKeep' : 'key.secretHint')) }),
  field('key.baseUrl', 2000, { hint: help('baseUrl') }), field('key.deployment', 255, { hint: help('deployment'), ...own('azure_openai') }), field('key.apiVersion', 40, { hint: help('apiVersion'), ...own('azure_openai') }),
  field('key.organizationId', 255, { hint: help('organizationId'), ...own('openai', 'compatible') }), field('key.projectId', 255, { hint: help('projectId'), ...own('openai', 'compatible') }),
  field('key.model', 255, { hint: help('model') }), field('key.memo', 500, { area: 3 })]
export const keyTools = () => h('div', {}, primary('action.new', () => editKey()))
function editKey(key) {
  const fields = keyFields(key), save = saveUnverified => v => {
    const body = Object.fromEntries(fields.filter(f => f.shown?.(v) !== false && (v[f.name] || f.name !== 'secret')).map(f => [f.name, v[f.name]]))
    return write(key ? 'PATCH' : 'POST', path('keys', key?.id), { ...body, revision: key?.revision, saveUnverified })
  }
  edit(t(key ? 'key.edit' : 'key.new'), fields, key ? { ...key } : { kind: 'openai' }, v => save(false)({ ...v, kind: key?.kind ?? v.kind })
    .catch(async p => { if (p.code !== 'KEY_UNREACHABLE' || !await ask(t('key.saveUnverified'), reasons(p))) throw p; return save(true)({ ...v, kind: key?.kind ?? v.kind }) }))
}
export function keyRow(key) {
  const { requestsPerMinute: requests, tokensPerMinute: tokens } = key.limits ?? {}, limits = requests && t('key.limits', { requests: figure(requests), tokens: figure(tokens ?? 0) })
  const remove = () => sure(t('confirm.deleteKey', key), '', () => write('DELETE', path('keys', key.id) + '?revision=' + key.revision))
  const end = key.shutdownDate && t('key.shutdown', { date: date(key.shutdownDate, { dateStyle: 'medium' }) }), checked = key.verifiedAt ? t('key.verifiedAt', { time: when(key.verifiedAt) }) : t('key.unverified')
  const facts = [[h('code', {}, key.model), h('code', {}, '••••' + (key.secretHint ?? ''))], line(checked, limits, key.toldOrganization || key.organizationId, key.baseUrl, key.servedModel), key.refused?.provider.message, key.memo]
  const again = e => { e.target.disabled = true; return api('POST', path('keys', key.id, 'verify')).catch(tell).then(loadAdmin).catch(tell).finally(() => { e.target.disabled = false }) }
  return row(key.name, [[t('key.kind.' + key.kind)], [end, 'bad'], [key.refused?.title, 'bad']], facts, [small('key.verify', again), small('action.edit', () => editKey(key)), small('action.delete', remove)])
}
