// The console's one screen: who is there, and what is shown. Nothing is built: the browser runs these files as they lie here.
import { $, S, admin, api, empty, h, hide, line, put, speak, sync, t } from './page.js'
import { reasons, tell } from './dialog.js'
import { choose, isOpen, loadCall, loadCalls, renderCall, renderCalls } from './calls.js'
import { failed, hang, listen, mark, renderNews } from './news.js'
import { loadAdmin } from './admin.js'
import { keyRow, keyTools } from './keys.js'
import { promptRow, promptTools } from './prompts.js'
function renderAdmin() {
  const keys = S.view === 'keys', list = keys ? S.keys : S.moved?.map((p, i) => ({ ...p, place: i + 1 })) ?? S.prompts
  const texts = list.length ? [] : keys ? ['key.empty', 'key.emptyHint'] : ['prompt.empty', S.keys.length ? 'prompt.emptyHint' : 'prompt.needKey']
  put({ 'admin-title': t(keys ? 'key.title' : 'prompt.title'), 'admin-intro': t(keys ? 'key.intro' : S.moved ? 'prompt.orderHint' : 'prompt.intro') })
  sync($('admin-tools'), [{ id: 'tools', keys, known: S.keys, moving: !!S.moved, many: S.prompts.length > 1 }], keys ? keyTools : promptTools)
  sync($('admin-list'), list, keys ? keyRow : promptRow, !keys && [S.keys, !!S.moved])
  $('admin-empty').replaceChildren(...texts.map(key => h('p', {}, t(key))))
}
function render() {
  if (!S.me) return
  for (const a of $('nav').children) Object.assign(a, { hidden: a.hash !== '#/calls' && !admin(), ariaCurrent: a.hash === '#/' + S.view ? 'page' : 'false' })
  put({ who: line(S.me.account.name, t('role.' + S.me.account.role)), live: t(S.live ? 'live.on' : 'live.off') })
  for (const part of S.view === 'calls' ? [renderCalls, renderCall, renderNews] : [renderAdmin, renderNews]) part()
}
function route() {
  const [view, id = '', run] = location.hash.slice(2).split('/').map(part => { try { return decodeURIComponent(part) } catch { return part } })
  S.view = admin() && ['keys', 'prompts'].includes(view) ? view : 'calls'
  hide({ calls: S.view !== 'calls', admin: S.view === 'calls' })
  S.view === 'calls' ? choose(id, run) : choose('').then(loadAdmin).catch(tell)
}
function leave(p) {
  hang()
  Object.assign(S, { me: null, ...empty() })
  document.querySelectorAll('dialog').forEach(box => box.close())
  for (const id of ['call-list', 'said', 'results', 'strip', 'bell-list', 'admin-list']) $(id).replaceChildren()
  $('login-problem').replaceChildren(h('div', {}, p && [h('strong', {}, p.title), reasons(p)]))
  hide({ app: true, login: false, 'login-problem': !p })
  $('login-name').focus()
}
async function enter() {
  S.me = await api('GET', '/me')
  if (!chosen() && spoken(S.me.account.locale)) await speak(spoken(S.me.account.locale))
  $('login-password').value = ''
  hide({ app: false, login: true })
  route()
  listen()
}
const credentials = () => ({ login: $('login-name').value, password: $('login-password').value })
$('login-form').onsubmit = event => { event.preventDefault(); api('POST', '/session', credentials()).then(enter).catch(leave) }
$('logout').onclick = () => api('DELETE', '/session').then(() => leave(), tell)
$('reload').onclick = () => loadCalls().then(() => S.id && loadCall(S.id)).catch(tell)
$('call-more').onclick = () => loadCalls(true).catch(tell)
$('read-all').onclick = () => S.news.filter(n => failed(n) && !n.seen).forEach(n => mark({ ack: n.id }))
$('bell-panel').ontoggle = event => { const n = S.news.find(one => !failed(one)); if (event.newState === 'open' && n && !n.seen) mark({ upTo: n.id }) }
for (const el of document.querySelectorAll('.language')) el.onchange = () => { localStorage.setItem('kikigaki.language', el.value); speak(el.value) }
for (const [event, act] of [['hashchange', route], ['online', listen]]) addEventListener(event, () => S.me && act())
addEventListener('redraw', render)
addEventListener('expired', () => leave({ title: t('login.expired') }))
document.onvisibilitychange = () => { if (S.me && !document.hidden) S.stream ? renderNews() : listen() }
async function tick() { // what no event tells: the words of a live call, places in the queue, new calls
  if (S.me && !document.hidden && S.call && (S.call.state === 'live' || S.runs.some(isOpen))) await loadCall(S.id).catch(() => {})
  if (S.me && !document.hidden && S.ticks++ % 4 === 3) await loadCalls().catch(() => {})
  setTimeout(tick, 3000)
}
const locales = ['ja', 'en', 'pt-BR'], spoken = tag => locales.find(one => one.split('-')[0] === tag?.split('-')[0])
const chosen = () => [localStorage.getItem('kikigaki.language'), ...navigator.languages].map(spoken).find(Boolean)
await speak(chosen() ?? 'ja')
enter().catch(p => leave(p.status === 401 ? null : p)).then(tick)
