// Asking, telling what went wrong, and forms.
import { $, button, clean, figure, h, line, size, t } from './page.js'
export function modal(title, body) {
  const box = document.body.appendChild(h('dialog', { 'aria-label': title, onclose: () => box.remove() }, h('h2', {}, title), body))
  box.showModal()
  return box
}
export function ask(title, body, alone) {
  const no = h('button', { value: '' }, t('action.cancel')), yes = h('button', { value: 'ok', class: 'primary', autofocus: true }, t('action.ok'))
  const box = modal(title, h('form', { method: 'dialog' }, body, h('div', { class: 'tools' }, !alone && no, yes)))
  return new Promise(done => box.addEventListener('close', () => done(box.returnValue === 'ok')))
}
export const reasons = p => [p.where && h('p', {}, t('form.field', { field: p.where })), p.detail && h('p', {}, p.detail), p.provider?.message && [h('p', { class: 'muted' }, t('problem.provider')), h('blockquote', { lang: 'en' }, p.provider.message)],
  p.provider?.requestId && h('p', { class: 'muted' }, t('problem.requestId') + ': ', h('code', {}, p.provider.requestId))]
export const tell = p => ask(p.title, reasons(p), true)
export const sure = async (title, detail, act) => { if (await ask(title, detail && h('p', {}, detail))) await act().catch(tell) }
// whole reads a number as people write it: digits of either width, in groups or not. Nothing is 0, and what is no number NaN.
const whole = text => {
  const digits = clean(text).normalize('NFKC').replace(/\s/g, ''), plain = /^\d{1,3}([.,]\d{3})+$/.test(digits) ? digits.replace(/[.,]/g, '') : digits
  return /^\d*$/.test(plain) ? Number(plain) : NaN
}
// edit opens a form over fields {name, label, max, required, options, area, type, hint, shown, most, list} and stays open while
// save rejects. A field with `most` is a whole number up to there; `list` suggests values. Who was too late is asked whether to
// go on with the newest, which `again` opens.
export function edit(title, fields, given, save, { intro, again } = {}) {
  const values = { ...given, ...Object.fromEntries(fields.filter(f => f.most).map(f => [f.name, given[f.name] ? figure(given[f.name]) : ''])) }
  const wrong = f => f.most ? !(whole(values[f.name]) <= f.most) && t('form.number', { most: figure(f.most) })
    : size(values[f.name]) > f.max && t('form.tooLong', { max: f.max, count: size(values[f.name]) })
  const fault = (f, all, told) => f.shown?.(values) === false ? '' : all && f.required && !clean(values[f.name]).trim() ? t('form.required')
    : told?.field?.split('.').pop() === f.name ? told.title : wrong(f) || ''
  const field = (f, all, told) => {
    const id = 'field-' + f.name, note = h('p', { id: id + '-note', class: 'hint' }), picks = f.options?.(values), list = f.list?.(values)
    if (picks && !picks.some(([value]) => value === values[f.name])) values[f.name] = picks[0]?.[0] ?? ''
    const look = bad => { input.setAttribute('aria-invalid', !!bad); note.textContent = bad || line(f.hint && (f.hint.call ? f.hint(values) : t(f.hint)), f.area && t('form.count', { count: size(values[f.name]), max: f.max })) }
    const read = e => { values[f.name] = input.value; if (picks) { draw(); $(id).focus() } else if (!e.isComposing) look(fault(f)) }
    const props = { id, 'aria-describedby': id + '-note', autocomplete: 'off', spellcheck: 'false', rows: f.area, type: f.type, inputmode: f.most && 'numeric', list: list && id + '-list', onchange: read, oninput: picks ? null : read }
    const input = h(picks ? 'select' : f.area ? 'textarea' : 'input', props, picks?.map(([value, text]) => h('option', { value }, text)))
    input.value = values[f.name] ?? ''
    look(fault(f, all, told))
    return h('div', { class: 'field' }, h('label', { for: id }, t(f.label), !f.required && !picks && h('span', { class: 'muted' }, t('form.optional'))), input, note,
      list && h('datalist', { id: id + '-list' }, list.map(([value, label]) => h('option', { value, label }))))
  }
  const rows = h('div'), ok = h('button', { class: 'primary' }, t('action.save'))
  const draw = (all, told) => rows.replaceChildren(...fields.filter(f => f.shown?.(values) !== false).map(f => field(f, all, told)))
  const submit = async event => {
    event.preventDefault()
    draw(true)
    const first = fields.find(f => fault(f, true))
    if (first || ok.disabled || !await ask(t('confirm.save'))) return first && $('field-' + first.name).focus()
    Object.assign(ok, { disabled: true, textContent: t('action.saving') })
    const p = await save(Object.fromEntries(fields.map(f => [f.name, f.most ? whole(values[f.name]) : clean(values[f.name])]))).then(() => box.close(), error => error)
    Object.assign(ok, { disabled: false, textContent: t('action.save') })
    if (p?.code === 'REVISION_STALE' && again) return await ask(p.title, [reasons(p), h('p', {}, t('form.loadNewest'))]) && (box.close(), again().catch(tell))
    if (p) { draw(true, p); await tell(p); (rows.querySelector('[aria-invalid="true"]') ?? ok).focus() }
  }
  draw()
  const box = modal(title, h('form', { novalidate: true, onsubmit: submit }, intro && h('p', { class: 'muted' }, intro), rows, h('div', { class: 'tools' }, button('action.cancel', () => box.close()), ok)))
}
