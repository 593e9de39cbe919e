// The console's one screen. Nothing is built: the browser runs this file as it lies here.
const $ = id => document.getElementById(id)
const empty = () => ({ calls: [], call: null, id: '', said: [], runs: [], prompts: [], keys: [], news: [], full: {}, heard: new Set(), after: '', next: '', loaded: false, moved: null })
const S = { texts: {}, asked: {}, turn: 0, tries: 0, ticks: 0, ...empty() }
// Words, dates and building blocks.
const t = (key, params = {}) => (S.texts[key] ?? key).replace(/\{(\w+)\}/g, (all, name) => params[name] ?? all)
const date = (time, style, end = time) => new Intl.DateTimeFormat(S.locale, { ...style, timeZone: S.me?.account.timeZone || undefined }).formatRange(new Date(time), new Date(end))
const when = (time, end) => time ? date(time, { dateStyle: 'medium', timeStyle: 'short' }, end > time ? end : time) : '' // a day that begins and ends alike is said once
const figure = n => n.toLocaleString(S.locale), line = (...parts) => parts.filter(Boolean).join(' · '), nameOf = who => who?.name || who?.id
const clean = s => (s ?? '').normalize('NFC').replace(/\r\n?/g, '\n')
const size = s => [...clean(s)].length // characters as people count them; maxlength counts UTF-16 units and is never used
const path = (...parts) => '/' + parts.filter(Boolean).map(encodeURIComponent).join('/')
const put = texts => Object.entries(texts).forEach(([id, text]) => { $(id).textContent = text })
const hide = flags => Object.entries(flags).forEach(([id, off]) => { $(id).hidden = !!off })
const admin = () => S.me.account.role === 'system_admin'
function h(tag, props, ...kids) {
  const el = document.createElement(tag)
  const set = (name, value) => name.startsWith('on') ? el.addEventListener(name.slice(2), value) : el.setAttribute(name, value === true ? '' : value)
  for (const [name, value] of Object.entries(props ?? {})) if (value != null && value !== false) set(name, value)
  el.append(...kids.flat(3).filter(kid => kid || kid === 0))
  return el
}
const button = (key, act, props) => h('button', { type: 'button', 'data-act': key, onclick: act, ...props }, t(key))
const small = (key, act) => button(key, act, { class: 'small' }), primary = (key, act, props) => button(key, act, { class: 'primary', ...props })
// Rows are keyed and rebuilt only when what they show has changed: a list redrawn on each event cannot be clicked and loses selections.
function sync(parent, items, build, extra) {
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
async function speak(locale) {
  S.texts = await (await fetch(`texts/${locale}.json`)).json()
  document.documentElement.lang = S.locale = locale
  for (const el of document.querySelectorAll('[data-t]')) el.textContent = t(el.dataset.t)
  for (const el of document.querySelectorAll('[data-t-label]')) el.setAttribute('aria-label', t(el.dataset.tLabel))
  for (const el of document.querySelectorAll('.language')) el.value = locale
  render()
}
async function api(method, where, body, more) {
  const headers = { 'Accept-Language': S.locale, 'X-Requested-With': 'kikigaki', ...(body && { 'Content-Type': 'application/json' }), ...more }
  const lost = { code: 'UNAVAILABLE', title: t('problem.UNAVAILABLE.title'), detail: t('problem.UNAVAILABLE.detail'), status: 503 }
  const res = await fetch('/api/v1' + where, { method, headers, body: body && JSON.stringify(body) }).catch(() => { throw lost })
  const data = res.status === 204 ? null : await res.json().catch(() => null)
  if (res.status === 401 && S.me) leave({ title: t('login.expired') })
  if (!res.ok) throw data?.code ? { ...data, status: res.status } : lost
  return data
}
// Asking, and telling what went wrong.
function modal(title, body) {
  const box = document.body.appendChild(h('dialog', { 'aria-label': title, onclose: () => box.remove() }, h('h2', {}, title), body))
  box.showModal()
  return box
}
function ask(title, body, alone) {
  const no = h('button', { value: '' }, t('action.cancel')), yes = h('button', { value: 'ok', class: 'primary', autofocus: true }, t('action.ok'))
  const box = modal(title, h('form', { method: 'dialog' }, body, h('div', { class: 'tools' }, !alone && no, yes)))
  return new Promise(done => box.addEventListener('close', () => done(box.returnValue === 'ok')))
}
const reasons = p => [p.detail && h('p', {}, p.detail), p.provider?.message && [h('p', { class: 'muted' }, t('problem.provider')), h('blockquote', { lang: 'en' }, p.provider.message)],
  p.provider?.requestId && h('p', { class: 'muted' }, t('problem.requestId') + ': ', h('code', {}, p.provider.requestId))]
const tell = p => ask(p.title, reasons(p), true)
const sure = async (title, detail, act) => { if (await ask(title, detail && h('p', {}, detail))) await act().catch(tell) }
// edit opens a form over fields {name, label, max, required, options, area, type, hint, shown} and stays open while save rejects.
function edit(title, fields, values, save) {
  const fault = (f, all, told) => f.shown?.(values) === false ? '' : all && f.required && !clean(values[f.name]).trim() ? t('form.required')
    : told?.field?.split('.').pop() === f.name ? told.title : size(values[f.name]) > f.max ? t('form.tooLong', { max: f.max, count: size(values[f.name]) }) : ''
  const field = (f, all, told) => {
    const id = 'field-' + f.name, note = h('p', { id: id + '-note', class: 'hint' }), picks = f.options?.(values)
    if (picks && !picks.some(([value]) => value === values[f.name])) values[f.name] = picks[0]?.[0] ?? ''
    const look = wrong => { input.setAttribute('aria-invalid', !!wrong); note.textContent = wrong || line(f.hint && (f.hint.call ? f.hint(values) : t(f.hint)), f.area && t('form.count', { count: size(values[f.name]), max: f.max })) }
    const read = e => { values[f.name] = input.value; if (picks) { draw(); $(id).focus() } else if (!e.isComposing) look(fault(f)) }
    const props = { id, 'aria-describedby': id + '-note', autocomplete: 'off', spellcheck: 'false', rows: f.area, type: f.type, onchange: read, oninput: picks ? null : read }
    const input = h(picks ? 'select' : f.area ? 'textarea' : 'input', props, picks?.map(([value, text]) => h('option', { value }, text)))
    input.value = values[f.name] ?? ''
    look(fault(f, all, told))
    return h('div', { class: 'field' }, h('label', { for: id }, t(f.label), !f.required && !picks && h('span', { class: 'muted' }, t('form.optional'))), input, note)
  }
  const rows = h('div'), ok = h('button', { class: 'primary' }, t('action.save'))
  const draw = (all, told) => rows.replaceChildren(...fields.filter(f => f.shown?.(values) !== false).map(f => field(f, all, told)))
  const submit = async event => {
    event.preventDefault()
    draw(true)
    const first = fields.find(f => fault(f, true))
    if (first || ok.disabled || !await ask(t('confirm.save'))) return first && $('field-' + first.name).focus()
    Object.assign(ok, { disabled: true, textContent: t('action.saving') })
    const p = await save(Object.fromEntries(fields.map(f => [f.name, clean(values[f.name])]))).then(() => box.close(), error => error)
    Object.assign(ok, { disabled: false, textContent: t('action.save') })
    if (p) { draw(true, p); await tell(p); (rows.querySelector('[aria-invalid="true"]') ?? ok).focus() }
  }
  draw()
  const box = modal(title, h('form', { novalidate: true, onsubmit: submit }, rows, h('div', { class: 'tools' }, button('action.cancel', () => box.close()), ok)))
}
// Calls.
const isOpen = run => ['queued', 'running'].includes(run.state)
const mayRun = () => S.me.account.callPermission === 'edit' || !!S.call.agentAccount?.id && S.call.agentAccount.id === S.me.account.id
async function loadCalls(more) {
  const page = await api('GET', '/calls' + (more ? '?pageToken=' + encodeURIComponent(S.next) : ''))
  const others = S.calls.filter(call => !page.calls.some(one => one.id === call.id))
  Object.assign(S, { loaded: true, next: more || !S.loaded ? page.nextPageToken : S.next, calls: more ? [...others, ...page.calls] : [...page.calls, ...others] })
  renderCalls()
}
async function loadCall(id) {
  const turn = ++S.turn, [call, { analyses }] = await Promise.all([api('GET', path('calls', id)), api('GET', path('calls', id, 'analyses'))])
  const said = S.call?.id === id && S.call.revision === call.revision ? S.said : (await api('GET', path('calls', id, 'transcript'))).utterances
  if (turn !== S.turn || S.id !== id) return // an answer that was overtaken must not overwrite a newer one
  Object.assign(S, { call, said, runs: analyses, calls: S.calls.map(c => c.id === id ? call : c) })
  render()
}
async function choose(id, run) {
  if (S.id !== id) { Object.assign(S, { id, call: null, said: [], runs: [], problem: null }); $('words').scrollTop = $('area').scrollTop = 0 }
  render()
  try {
    if (id) { S.prompts = (await api('GET', '/prompts')).prompts; await loadCall(id) }
    if (run) Array.from($('results').children).find(el => el.dataset.key === run)?.focus()
  } catch (p) { if (S.id === id) { S.problem = p; render() } }
}
function renderCalls() {
  hide({ 'no-calls': !S.loaded || S.calls.length, 'call-more': !S.next })
  sync($('call-list'), S.calls, call => h('li', {}, h('a', { href: '#' + path('calls', call.id) }, h('span', { class: 'name' }, call.label || call.id),
    h('span', {}, call.runningAnalysisId && h('span', { class: 'chip busy' }, t('calls.running')), h('span', { class: 'chip ' + call.state }, t(call.state === 'live' ? 'calls.live' : 'calls.finished'))),
    h('span', { class: 'muted' }, line(when(call.startedAt), nameOf(call.agentAccount))))))
  for (const li of $('call-list').children) li.firstChild.setAttribute('aria-current', li.dataset.key === S.id)
}
function renderCall() {
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
const why = p => p.broken && t('prompt.broken.' + p.broken.code, p.broken.params)
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
const errorTitle = (error, kind) => (error.status ? error.status + ':' : '') + errorText(error.code, 'title', kind)
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
// News: what became of this account's requests, and of others'.
const place = id => Number(id.slice(id.lastIndexOf('-') + 1)), alerts = n => n.type.startsWith('alert.'), failed = n => n.type === 'analysis.failed' || alerts(n)
const tabs = Object.assign(new BroadcastChannel('kikigaki'), { onmessage: ({ data }) => S.me && mark(data, true) })
function mark(what, told) { // {ack: id} closes one failure; {upTo: id} says that everything else up to there was seen
  for (const n of S.news) if (n.id === what.ack) n.seen = n.off = true; else if (what.upTo && !failed(n) && place(n.id) <= place(what.upTo)) n.seen = true
  if (!told) { tabs.postMessage(what); api('POST', path('notifications', what.ack ?? 'seen', what.ack && 'acknowledge'), what.upTo && what).catch(() => {}) }
  renderNews()
}
function hear(n) {
  if (S.heard.size === S.heard.add(n.id).size) return // delivery is at least once: an id shown before is not shown again
  if (alerts(n)) return S.news.unshift({ ...n, strip: true }), render()
  if (n.type.startsWith('analysis.')) S.news.unshift({ ...n, strip: n.requestedBy?.id === S.me.account.id || n.callId === S.id })
  if (n.type === 'call.erased') S.calls = S.calls.filter(call => call.id !== n.callId)
  if (n.callId === S.id) loadCall(S.id).catch(p => { Object.assign(S, { call: null, problem: p }); render() })
  S.calls = S.calls.map(call => call.id !== n.callId ? call : n.type === 'call.ended' ? { ...call, state: 'finished' } : { ...call, runningAnalysisId: '' })
  render()
}
const title = n => line(t(`notify.${n.type}.title`), n.error && errorTitle({ ...n.error, status: n.error.params?.status }, n.error.params?.keyKind))
const about = n => alerts(n) ? t(`notify.${n.type}`, { key: n.key?.name, ...n.params }) : line(n.call?.label || n.callId, when(n.call?.startedAt), nameOf(n.call?.agentAccount), n.prompt?.name)
const cross = n => h('button', { class: 'bare', 'data-act': 'close', 'aria-label': t('action.close'), onclick: () => { n.off = true; failed(n) ? mark({ ack: n.id }) : renderNews() } }, '×')
const item = (tag, n, ...more) => h(tag, { class: `news ${failed(n) ? 'failed' : n.type.split('.')[1]} ${n.seen ? '' : 'new'}`, role: tag === 'div' && failed(n) && 'alert' },
  h('a', { href: '#' + (alerts(n) ? '/keys' : path('calls', n.callId, n.analysisId)) }, h('strong', {}, title(n)), h('span', {}, about(n))), more)
function renderNews() {
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
const hang = () => { clearTimeout(S.timer); S.stream = S.stream?.close() }
async function listen() {
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
// Keys and prompts, for a system administrator.
const kinds = () => ['openai', 'azure_openai', 'compatible'].map(kind => [kind, t('key.kind.' + kind)])
const field = (label, max, more) => ({ label, name: label.split('.')[1], max, ...more }), required = true
// A kind has fields of its own, and help that says where to find what, and which rights a key needs.
const help = name => v => S.texts[`key.help.${v.kind}.${name}`] ?? t('key.help.' + name), own = (...kinds) => ({ shown: v => kinds.includes(v.kind) })
const keyFields = old => [field('key.kind', 99, { options: kinds, hint: v => t('key.help.' + v.kind), ...old && { shown: () => false } }), field('key.name', 255, { required, hint: help('name') }),
  field('key.secret', 200, { required: !old, type: 'password', hint: v => line(help('secret')(v), t(old ? 'key.secretKeep' : 'key.secretHint')) }),
  field('key.baseUrl', 2000, { hint: help('baseUrl') }), field('key.deployment', 255, { hint: help('deployment'), ...own('azure_openai') }), field('key.apiVersion', 40, { hint: help('apiVersion'), ...own('azure_openai') }),
  field('key.organizationId', 255, { hint: help('organizationId'), ...own('openai', 'compatible') }), field('key.projectId', 255, { hint: help('projectId'), ...own('openai', 'compatible') }),
  field('key.model', 255, { hint: help('model') }), field('key.memo', 500, { area: 3 })]
const keysOf = v => S.keys.filter(key => key.kind === v.keyKind).map(key => [key.id, key.name]), onOff = () => [['', t('prompt.advanced.off')], ['on', t('prompt.advanced.on')]]
const splits = () => [['auto', t('prompt.split.auto')], ['fixed_1000', t('prompt.split.fixed')]], advanced = v => v.advanced === 'on'
const promptFields = [field('prompt.name', 255, { required }), field('prompt.keyKind', 99, { options: kinds }), field('prompt.keyId', 99, { required, options: keysOf }),
  field('prompt.text', 1000, { required, area: 9 }), field('prompt.advanced', 99, { options: onOff }),
  field('prompt.mapText', 1000, { area: 5, hint: 'prompt.mapTextHint', shown: advanced }), field('prompt.split', 99, { options: splits, hint: 'prompt.splitHint', shown: advanced }), field('prompt.memo', 500, { area: 3 })]
const keep = ([{ keys }, { prompts, revision }]) => render(Object.assign(S, { keys, prompts, order: revision, moved: null }))
const loadAdmin = () => Promise.all([api('GET', '/keys'), api('GET', '/prompts')]).then(keep)
const write = (...request) => api(...request).then(loadAdmin)
const editPrompt = p => edit(t(p ? 'prompt.edit' : 'prompt.new'), promptFields, { keyKind: S.keys[0]?.kind, ...p, advanced: p?.advanced ? 'on' : '' },
  v => write(p ? 'PATCH' : 'POST', path('prompts', p?.id), { ...v, advanced: !!v.advanced, revision: p?.revision }))
function move(p, to) {
  const from = S.moved.findIndex(one => one.id === p.id)
  to = Math.max(0, Math.min(to, S.moved.length - 1))
  if (from < 0 || from === to) return
  S.moved.splice(to, 0, ...S.moved.splice(from, 1))
  renderAdmin()
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
    renderAdmin()
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
function renderAdmin() {
  const keys = S.view === 'keys', list = keys ? S.keys : S.moved?.map((p, i) => ({ ...p, place: i + 1 })) ?? S.prompts
  const texts = list.length ? [] : keys ? ['key.empty', 'key.emptyHint'] : ['prompt.empty', S.keys.length ? 'prompt.emptyHint' : 'prompt.needKey']
  put({ 'admin-title': t(keys ? 'key.title' : 'prompt.title'), 'admin-intro': t(keys ? 'key.intro' : S.moved ? 'prompt.orderHint' : 'prompt.intro') })
  sync($('admin-tools'), [{ id: 'tools', keys, known: S.keys, moving: !!S.moved, many: S.prompts.length > 1 }], keys ? keyTools : promptTools)
  sync($('admin-list'), list, keys ? keyRow : promptRow, !keys && [S.keys, !!S.moved])
  $('admin-empty').replaceChildren(...texts.map(key => h('p', {}, t(key))))
}
const keyTools = () => h('div', {}, primary('action.new', () => editKey()))
function editKey(key) {
  const fields = keyFields(key), save = saveUnverified => v => {
    const body = Object.fromEntries(fields.filter(f => f.shown?.(v) !== false && (v[f.name] || f.name !== 'secret')).map(f => [f.name, v[f.name]]))
    return write(key ? 'PATCH' : 'POST', path('keys', key?.id), { ...body, revision: key?.revision, saveUnverified })
  }
  edit(t(key ? 'key.edit' : 'key.new'), fields, key ? { ...key } : { kind: 'openai' }, v => save(false)({ ...v, kind: key?.kind ?? v.kind })
    .catch(async p => { if (p.code !== 'KEY_UNREACHABLE' || !await ask(t('key.saveUnverified'), reasons(p))) throw p; return save(true)({ ...v, kind: key?.kind ?? v.kind }) }))
}
function promptTools({ moving, many }) {
  const key = h('select', { 'aria-label': t('prompt.examplesKey') }, S.keys.map(k => h('option', { value: k.id }, k.name))), any = S.keys.length > 0
  const make = () => sure(t('confirm.examples'), t('confirm.examplesDetail'), () => write('POST', '/prompts/examples', { keyId: key.value, language: S.locale }))
  const turn = () => { S.moved = S.moved ? null : [...S.prompts]; renderAdmin() }
  return h('div', { class: 'tools' }, moving ? [button('action.cancel', turn), primary('action.save', saveOrder)]
    : [any && [key, button('prompt.examples', make)], many && button('prompt.order', turn), primary('action.new', () => editPrompt(), { disabled: !any })])
}
const row = (name, chips, body, tools, props) => h('li', props, h('div', {}, h('strong', {}, name), chips.map(([text, look]) => text && h('span', { class: 'chip ' + (look ?? '') }, text)),
  body.map(part => part && h('p', { class: 'muted' }, part))), h('div', { class: 'tools' }, tools))
function keyRow(key) {
  const { requestsPerMinute: requests, tokensPerMinute: tokens } = key.limits ?? {}, limits = requests && t('key.limits', { requests: figure(requests), tokens: figure(tokens ?? 0) })
  const remove = () => sure(t('confirm.deleteKey', key), '', () => write('DELETE', path('keys', key.id) + '?revision=' + key.revision))
  const end = key.shutdownDate && t('key.shutdown', { date: date(key.shutdownDate, { dateStyle: 'medium' }) }), checked = key.verifiedAt ? t('key.verifiedAt', { time: when(key.verifiedAt) }) : t('key.unverified')
  const facts = [[h('code', {}, key.model), h('code', {}, '••••' + (key.secretHint ?? ''))], line(checked, limits, key.toldOrganization || key.organizationId, key.baseUrl, key.servedModel), key.refused?.provider.message, key.memo]
  const again = e => { e.target.disabled = true; return api('POST', path('keys', key.id, 'verify')).catch(tell).then(loadAdmin).catch(tell).finally(() => { e.target.disabled = false }) }
  return row(key.name, [[t('key.kind.' + key.kind)], [end, 'bad'], [key.refused?.title, 'bad']], facts, [small('key.verify', again), small('action.edit', () => editKey(key)), small('action.delete', remove)])
}
function promptRow(p) {
  const remove = () => sure(t('confirm.deletePrompt', p), '', () => write('DELETE', path('prompts', p.id) + '?revision=' + p.revision))
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
// Coming, going and looking around.
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
