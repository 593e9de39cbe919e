// What the screens of keys and prompts, which are a system administrator's, have in common.
import { S, api, h, path, redraw, t } from './page.js'
export const kinds = () => ['openai', 'azure_openai', 'compatible'].map(kind => [kind, t('key.kind.' + kind)])
export const field = (label, max, more) => ({ label, name: label.split('.')[1], max, ...more }), required = true
const keep = ([{ keys }, { prompts, revision }]) => { Object.assign(S, { keys, prompts, order: revision, moved: null }); redraw() }
export const loadAdmin = () => Promise.all([api('GET', '/keys'), api('GET', '/prompts')]).then(keep)
export const write = (...request) => api(...request).then(loadAdmin)
// drop deletes what is shown. When somebody was faster, the list shows that before the refusal is told: pressed again, it is of
// the newest.
export const drop = (what, id, revision) => write('DELETE', path(what, id) + '?revision=' + revision).catch(async p => { await loadAdmin().catch(() => {}); throw p })
export const row = (name, chips, body, tools, props) => h('li', props, h('div', {}, h('strong', {}, name), chips.map(([text, look]) => text && h('span', { class: 'chip ' + (look ?? '') }, text)),
  body.map(part => part && h('p', { class: 'muted' }, part))), h('div', { class: 'tools' }, tools))
