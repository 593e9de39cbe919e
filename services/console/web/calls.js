// Calls: what was said, and what the AI made of it.
import { $, S, admin, api, figure, h, hide, line, nameOf, path, put, redraw, small, sync, t, when } from './page.js'
import { ask, reasons, sure, tell } from './dialog.js'
import { why } from './prompts.js'
export const isOpen = run => ['queued', 'running'].includes(run.state)
const mayRun = () => S.me.account.callPermission === 'edit' || !!S.call.agentAccount?.id && S.call.agentAccount.id === S.me.account.id
export async function loadCalls(more) {
  const page = await api('GET', '/calls' + (more ? '?pageToken=' + encodeURIComponent(S.next) : ''))
  const others = S.calls.filter(call => !page.calls.some(one => one.id === call.id))
  Object.assign(S, { loaded: true, next: more || !S.loaded ? page.nextPageToken : S.next, calls: more ? [...others, ...page.calls] : [...page.calls, ...others] })
  renderCalls()
}
export async function loadCall(id) {
  const turn = ++S.turn, [call, { analyses }] = await Promise.all([api('GET', path('calls', id)), api('GET', path('calls', id, 'analyses'))])
  const said = S.call?.id === id && S.call.revision === call.revision ? S.said : (await api('GET', path('calls', id, 'transcript'))).utterances
  if (turn !== S.turn || S.id !== id) return // an answer that was overtaken must not overwrite a newer one
  Object.assign(S, { call, said, runs: analyses, calls: S.calls.map(c => c.id === id ? call : c) })
  redraw()
}
export async function choose(id, run) {
  if (S.id !== id) { Object.assign(S, { id, call: null, said: [], runs: [], problem: null }); $('words').scrollTop = $('area').scrollTop = 0 }
  redraw()
  try {
    if (id) { S.prompts = (await api('GET', '/prompts')).prompts; await loadCall(id) }
    if (run) Array.from($('results').children).find(el => el.dataset.key === run)?.focus()
  } catch (p) { if (S.id === id) { S.problem = p; redraw() } }
}
export function renderCalls() {
  hide({ 'no-calls': !S.loaded || S.calls.length, 'call-more': !S.next })
  sync($('call-list'), S.calls, call => h('li', {}, h('a', { href: '#' + path('calls', call.id) }, h('span', { class: 'name' }, call.label || call.id),
    h('span', {}, call.runningAnalysisId && h('span', { class: 'chip busy' }, t('calls.running')), h('span', { class: 'chip ' + call.state }, t(call.state === 'live' ? 'calls.live' : 'calls.finished'))),
    h('span', { class: 'muted' }, line(when(call.startedAt), nameOf(call.agentAccount))))))
  for (const li of $('call-list').children) li.firstChild.setAttribute('aria-current', li.dataset.key === S.id)
}
export function renderCall() {
  const call = S.call, texts = S.problem ? [S.problem.title, S.problem.detail] : S.id ? [t('call.loading')] : [t('call.choose'), t('call.chooseHint')]
  $('calls').classList.toggle('chosen', !!S.id)
  hide({ detail: !call, 'no-detail': call, area: !S.said.length, 'no-said': S.said.length, 'no-results': S.runs.length })
  $('no-detail').replaceChildren(...texts.filter(Boolean).map(text => h('p', {}, text)), h('a', { href: '#/calls', class: 'back' }, t('call.back')))
  if (!call) return
  const facts = line(when(call.startedAt, call.endedAt), nameOf(call.agentAccount), call.customerNumber, call.queue, (call.label || call.id) !== call.id && call.id)
  put({ 'call-title': call.label || call.id, 'call-facts': facts, 'said-count': t('transcript.count', { count: figure(S.said.length) }) })
  sync($('said'), S.said.map((u, i) => ({ ...u, id: u.utteranceId, number: i + 1 })), utterance)
  sync($('results'), S.runs.map(run => ({ ...run, full: S.full[run.id], may: mayRun() })), card)
  renderRun(S.runs.find(isOpen), S.prompts.filter(p => !p.broken), $('prompt').value || localStorage.getItem('kikigaki.prompt'))
}
function renderRun(running, usable, chosen) {
  const reason = !mayRun() ? 'analysis.noRight' : !S.prompts.length ? 'analysis.noPrompt' : !usable.length ? 'analysis.noUsablePrompt' : ''
  sync($('prompt'), S.prompts, p => h('option', { value: p.id, disabled: !!p.broken }, p.broken ? t('analysis.broken', { name: p.name, reason: why(p) }) : p.name))
  Object.assign($('prompt'), { value: (usable.find(p => p.id === chosen) ?? usable[0])?.id ?? '', disabled: !usable.length })
  Object.assign($('run'), { disabled: !!(reason || running), textContent: t(running ? 'analysis.running' : 'analysis.run') }).classList.toggle('busy', !!running)
  $('run-reason').replaceChildren(reason && t(reason), reason === 'analysis.noPrompt' && admin() ? h('a', { href: '#/prompts' }, t('analysis.addPrompt')) : '')
}
function utterance(u) {
  if (u.kind === 'recognizer_lost') return h('li', { class: 'lost' }, t('transcript.lost'))
  const clock = u.startSec != null && `${Math.floor(u.startSec / 60)}:${String(Math.floor(u.startSec % 60)).padStart(2, '0')}`
  const who = { agent: t('speaker.agent'), customer: t('speaker.customer') }[u.speaker]
  return h('li', { class: who ? u.speaker : 'other', tabindex: -1 }, h('span', { class: 'muted' }, h('b', {}, u.number), clock && h('time', {}, clock)),
    h('span', { class: 'speaker' }, who ?? u.speaker), h('span', { class: 'text' }, u.text))
}
const errorText = (code, part, kind) => S.texts[`analysis.error.${code}.${part}.${kind}`] ?? S.texts[`analysis.error.${code}.${part}`] ?? t('analysis.error.PROVIDER_OTHER.' + part)
export const errorTitle = (error, kind) => (error.status ? error.status + ':' : '') + errorText(error.code, 'title', kind)
// A number in square brackets leads to the utterance it names, so that a quotation is checked with one click.
const linked = text => text.split(/\[(\d{1,5})\]/).map((part, i) => i % 2
  ? h('button', { class: 'ref', title: t('result.reference', { number: part }), onclick: () => $('said').children[part - 1]?.focus() }, `[${part}]`) : part)
function card(run) {
  const text = run.full ?? run.result?.text, turn = { position: run.queue?.position, seconds: run.queue?.etaSeconds }, length = run.result?.length, shown = run.result?.shown
  const state = run.state === 'running' ? 'analysis.working' : !turn.position ? 'analysis.queued' : turn.seconds == null ? 'analysis.place' : 'analysis.placeEta'
  const cancel = () => sure(t('confirm.cancelRun'), '', () => change('POST', run.id, 'cancel'))
  const remove = () => sure(t('confirm.deleteResult'), t('confirm.deleteResultDetail'), () => change('DELETE', run.id))
  return h('article', { class: 'card ' + run.state, tabindex: -1, 'aria-label': run.prompt.name },
    h('div', { class: 'bar' }, h('h4', {}, run.prompt.name), h('div', { class: 'tools' }, text && small('result.copy', e => copy(run, e.target)),
      run.may && (isOpen(run) ? small('analysis.cancel', cancel) : small('action.delete', remove)))),
    h('p', { class: 'muted' }, line(when(run.requestedAt), nameOf(run.requestedBy), run.key?.model)), run.stale && h('p', { class: 'stale' }, t('result.stale')),
    h('p', { class: 'prompt', tabindex: 0 }, run.prompt.text), isOpen(run) && h('p', { class: 'progress' }, t(state, turn)),
    run.state === 'cancelled' && h('p', { class: 'muted' }, t('analysis.cancelled')), text && h('div', { class: 'text' }, linked(text)),
    !run.full && length > shown && h('button', { class: 'link', onclick: () => whole(run).then(renderCall, tell) }, t('result.showAll', { length: figure(length), shown: figure(shown) })),
    run.error && h('div', { class: 'problem' }, h('p', {}, t('notify.analysis.failed.title')), h('strong', {}, errorTitle(run.error, run.key?.kind)), reasons({ provider: run.error }),
      h('dl', {}, h('dt', {}, t('result.cause')), h('dd', {}, errorText(run.error.code, 'cause')), h('dt', {}, t('result.remedy')), h('dd', {}, errorText(run.error.code, 'remedy')))))
}
const whole = async run => (S.full[run.id] ??= (await api('GET', path('analyses', run.id) + '?full=true')).result.text)
const change = (method, ...parts) => api(method, path('analyses', ...parts)).then(() => loadCall(S.id))
async function copy(run, at) {
  try {
    await navigator.clipboard.writeText(run.result.length > run.result.shown ? await whole(run) : run.result.text)
    put({ say: at.textContent = t('result.copied') })
    setTimeout(() => { at.textContent = t('result.copy') }, 2000)
  } catch (p) { tell({ title: t('result.copyFailed'), detail: p.code && p.title }) }
}
$('run').onclick = async () => {
  const id = S.id, promptId = $('prompt').value, which = id + ' ' + promptId, key = S.asked[which] ??= [...crypto.getRandomValues(new Uint8Array(16))].join('-')
  if (!await ask(t('confirm.run'))) return
  localStorage.setItem('kikigaki.prompt', promptId)
  $('run').disabled = true
  const p = await api('POST', path('calls', id, 'analyses'), { promptId }, { 'Idempotency-Key': key }).then(() => null, error => error)
  if (!p || p.status < 500) delete S.asked[which] // what may have been accepted is asked again under the same key: one click, one analysis
  if (S.id === id) await loadCall(id).catch(renderCall)
  if (p) tell(p)
}
