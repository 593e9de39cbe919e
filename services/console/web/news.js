// News: what became of this account's requests, and of others'.
import { $, S, api, h, hide, line, nameOf, path, put, redraw, sync, t, when } from './page.js'
import { errorTitle, loadCall, loadCalls } from './calls.js'
export const place = id => Number(id.slice(id.lastIndexOf('-') + 1)), alerts = n => n.type.startsWith('alert.'), failed = n => n.type === 'analysis.failed' || alerts(n)
const tabs = Object.assign(new BroadcastChannel('kikigaki'), { onmessage: ({ data }) => S.me && mark(data, true) })
export function mark(what, told) { // {ack: id} closes one failure; {upTo: id} says that everything else up to there was seen
  for (const n of S.news) if (n.id === what.ack) n.seen = n.off = true; else if (what.upTo && !failed(n) && place(n.id) <= place(what.upTo)) n.seen = true
  if (!told) { tabs.postMessage(what); api('POST', path('notifications', what.ack ?? 'seen', what.ack && 'acknowledge'), what.upTo && what).catch(() => {}) }
  renderNews()
}
function hear(n) {
  if (S.heard.size === S.heard.add(n.id).size) return // delivery is at least once: an id shown before is not shown again
  if (alerts(n)) return S.news.unshift({ ...n, strip: true }), redraw()
  if (n.type.startsWith('analysis.')) S.news.unshift({ ...n, strip: n.requestedBy?.id === S.me.account.id || n.callId === S.id })
  if (n.type === 'call.erased') S.calls = S.calls.filter(call => call.id !== n.callId)
  if (n.callId === S.id) loadCall(S.id).catch(p => { Object.assign(S, { call: null, problem: p }); redraw() })
  S.calls = S.calls.map(call => call.id !== n.callId ? call : n.type === 'call.ended' ? { ...call, state: 'finished' } : { ...call, runningAnalysisId: '' })
  redraw()
}
const title = n => line(t(`notify.${n.type}.title`), n.error && errorTitle({ ...n.error, status: n.error.params?.status }, n.error.params?.keyKind))
const about = n => alerts(n) ? t(`notify.${n.type}`, { key: n.key?.name, ...n.params }) : line(n.call?.label || n.callId, when(n.call?.startedAt), nameOf(n.call?.agentAccount), n.prompt?.name)
const cross = n => h('button', { class: 'bare', 'data-act': 'close', 'aria-label': t('action.close'), onclick: () => { n.off = true; failed(n) ? mark({ ack: n.id }) : renderNews() } }, '×')
const item = (tag, n, ...more) => h(tag, { class: `news ${failed(n) ? 'failed' : n.type.split('.')[1]} ${n.seen ? '' : 'new'}`, role: tag === 'div' && failed(n) && 'alert' },
  h('a', { href: '#' + (alerts(n) ? '/keys' : path('calls', n.callId, n.analysisId)) }, h('strong', {}, title(n)), h('span', {}, about(n))), more)
export function renderNews() {
  const waiting = S.news.filter(n => n.strip && !n.off), n = waiting.find(failed) ?? waiting.at(-1), unseen = S.news.filter(one => !one.seen).length
  const more = waiting.length > 1 && h('button', { class: 'link', popovertarget: 'bell-panel' }, t('notify.more', { count: waiting.length - 1 }))
  sync($('strip'), n ? [{ id: n.id, waiting: waiting.length }] : [], () => item('div', n, more, cross(n)))
  sync($('bell-list'), S.news.slice(0, 100), one => item('li', one, failed(one) && !one.seen && cross(one)))
  hide({ 'bell-empty': S.news.length, 'read-all': !S.news.some(one => failed(one) && !one.seen) })
  $('bell').dataset.count = unseen > 99 ? '99+' : unseen || ''
  $('bell').ariaLabel = unseen ? t('notify.unseen', { count: unseen }) : t('notify.title')
  document.title = (unseen ? `(${unseen}) ` : '') + 'Kikigaki'
  if (!n || failed(n) || n.shown || document.hidden) return
  n.shown = setTimeout(() => { n.off = true; renderNews() }, 10000)
  if (!n.seen) mark({ upTo: n.id })
}
// The stream goes on after the last id heard. Gateways cut it often, so a cut is the normal path: the wait is random and short ones go unmentioned.
const live = on => { clearTimeout(S.lag); S.lag = null; S.live = on; $('live').className = on ? 'on' : ''; put({ live: t(on ? 'live.on' : 'live.off') }) }
export const hang = () => { clearTimeout(S.timer); S.stream = S.stream?.close() }
export async function listen() {
  hang()
  const me = S.me, began = Date.now(), again = () => {
    if (!me || S.me !== me) return
    hang()
    S.lag ??= setTimeout(live, 2000, false)
    S.tries = Date.now() - began > 5000 ? 0 : S.tries + 1
    S.timer = setTimeout(listen, 500 + Math.random() * (Math.min(20000, 1000 * 2 ** S.tries) - 500))
  }
  try { if (!S.after) await catchUp() } catch { return again() }
  if (S.me !== me || S.stream) return
  const stream = S.stream = new EventSource('/api/v1/notifications/stream?after=' + encodeURIComponent(S.after))
  const heard = event => { S.after = event.lastEventId || S.after; hear(JSON.parse(event.data)) }
  for (const type of ['analysis.completed', 'analysis.failed', 'analysis.cancelled', 'call.ended', 'call.erased',
    'alert.key_revoked', 'alert.key_out_of_credit', 'alert.key_refused', 'alert.model_shutdown']) stream.addEventListener(type, heard)
  stream.addEventListener('reset', () => { S.after = ''; put({ say: t('live.reset') }); again() })
  stream.onopen = () => live(true)
  stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) api('GET', '/me').catch(() => {}); again() }
}
async function catchUp() {
  const [{ notifications, asOf }] = await Promise.all([api('GET', '/notifications?unseen=true'), loadCalls(), S.loaded && S.id && loadCall(S.id)])
  S.after = asOf
  for (const n of notifications.sort((a, b) => place(a.id) - place(b.id))) hear(n)
}
