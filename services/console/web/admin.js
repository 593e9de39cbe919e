// What the screens of keys and prompts, which are a system administrator's, have in common.
import { S, api, h, redraw, t } from './page.js'
export const kinds = () => ['openai', 'azure_openai', 'compatible'].map(kind => [kind, t('key.kind.' + kind)])
export const field = (label, max, more) => ({ label, name: label.split('.')[1], max, ...more }), required = true
const keep = ([{ keys }, { prompts, revision }]) => { Object.assign(S, { keys, prompts, order: revision, moved: null }); redraw() }
export const loadAdmin = () => Promise.all([api('GET', '/keys'), api('GET', '/prompts')]).then(keep)
export const write = (...request) => api(...request).then(loadAdmin)
export const row = (name, chips, body, tools, props) => h('li', props, h('div', {}, h('strong', {}, name), chips.map(([text, look]) => text && h('span', { class: 'chip ' + (look ?? '') }, text)),
  body.map(part => part && h('p', { class: 'muted' }, part))), h('div', { class: 'tools' }, tools))
