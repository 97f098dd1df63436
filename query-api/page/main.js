/** The page's frame: views by the address after #, one refresh loop, the token, the zone. */
import { alarmView } from './alarm.js'
import { alarmsView } from './alarms.js'
import { ApiError, get, setToken, takeTokenFromAddress } from './api.js'
import { clocksView } from './clocks.js'
import { deadLettersView } from './dead-letters.js'
import { deviceView } from './device.js'
import { h, replace } from './dom.js'
import { fleetView } from './fleet.js'
import { browserZone, count, currentZone, setZone, time, zoneShort } from './format.js'
import { asKnownAt } from './known-at.js'
import { keepingView } from './keeping.js'
import { ledgerView } from './ledger.js'
import { maintenanceView } from './maintenance.js'

const views = {
  fleet: fleetView,
  alarms: alarmsView,
  alarm: alarmView,
  clocks: clocksView,
  device: deviceView,
  'dead-letters': deadLettersView,
  ledger: ledgerView,
  keeping: keepingView,
  maintenance: maintenanceView,
}
/** A view that is a part of another is marked there. */
const belongsTo = { device: 'fleet', clocks: 'fleet', alarm: 'alarms', maintenance: 'alarms' }
const refreshMs = 10_000

const main = document.getElementById('main')
const freshness = document.getElementById('freshness')
const pause = document.getElementById('pause')
const zone = document.getElementById('zone')

/** `refresh` of the view on screen; undefined while the token is asked for. */
let current
let paused = false
let completeThrough
let refreshing = false
let failedSince

/** Views call this with each answer that has one. */
const noteComplete = (iso) => {
  completeThrough = iso
}

const show = async () => {
  current?.leave?.()
  current = undefined
  const address = new URL(location.hash.slice(1) || '/fleet', 'http://page')
  const [, name, ...rest] = address.pathname.split('/')
  const view = views[name] ?? fleetView
  for (const link of document.querySelectorAll('nav a[data-view]')) {
    const active = link.dataset.view === (belongsTo[name] ?? name)
    if (active) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  document.title = 'Fleet Recorder'
  const root = h('div', {})
  main.replaceChildren(root)
  current = view({ root, id: decodeURIComponent(rest.join('/')), params: address.searchParams, noteComplete, zones: setZones })
  await refresh()
}

const refresh = async () => {
  if (current === undefined || refreshing) return
  refreshing = true
  const shown = current
  try {
    await Promise.all([shown.refresh(), countAlarms()])
    failedSince = undefined
    document.getElementById('failure')?.remove()
  } catch (error) {
    if (shown === current) fail(error)
  } finally {
    refreshing = false
    tellFreshness()
  }
  // The address changed while this was under way.
  if (shown !== current) await refresh()
}

/** How many stand and how bad, in the head of every view. */
const countAlarms = async () => {
  const { active, unacknowledged } = await get('alarms/counts', { symptoms: false })
  const worst = ['critical', 'major', 'minor', 'warning', 'indeterminate'].find((name) => active[name] > 0)
  const mark = document.getElementById('alarm-count')
  mark.textContent = active.total === 0 ? '' : count(active.total)
  mark.className = `alarm-count ${worst ?? ''}`
  mark.title = `${count(active.total)} alarms stand, ${count(unacknowledged.total)} of them not acknowledged`
}

const fail = (error) => {
  if (error instanceof ApiError && error.problem.status === 401) {
    askForToken(sessionStorage.length > 0)
    return
  }
  // An answer, though not the one that was wanted: nothing is old, and asking again gives the same.
  const isRefused = error instanceof ApiError && error.problem.status < 500
  if (isRefused) failedSince = undefined
  else failedSince ??= new Date().toISOString()
  const text = error instanceof ApiError ? `${error.problem.title}. ${error.message}` : `The recorder does not answer (${error.message}).`
  document.getElementById('failure')?.remove()
  const old = isRefused || main.textContent === '' ? '' : ` What is shown below may be old; trying again since ${time(failedSince)}.`
  main.prepend(h('p', { id: 'failure', class: 'notice error', role: 'alert' }, text, old))
}

const askForToken = (wrong) => {
  current?.leave?.()
  current = undefined
  const input = h('input', { type: 'password', autocomplete: 'current-password', required: true, 'aria-label': 'Admin token' })
  const form = h(
    'form',
    {
      class: 'login panel',
      onsubmit: (event) => {
        event.preventDefault()
        setToken(input.value.trim())
        void show()
      },
    },
    h('h1', {}, 'Admin token'),
    h(
      'p',
      { class: 'soft' },
      'The first start printed it; it is kept in the data folder, or set by ADMIN_TOKEN. It stays in this tab only.',
    ),
    wrong ? h('p', { class: 'notice error', role: 'alert' }, 'That token is not known.') : undefined,
    input,
    h('button', { class: 'primary' }, 'Open the recorder'),
  )
  replace(main, form)
  input.focus()
}

const tellFreshness = () => {
  const stale = failedSince !== undefined
  freshness.classList.toggle('stale', stale)
  if (stale) freshness.textContent = `not reached since ${time(failedSince)}`
  else if (completeThrough) {
    freshness.textContent = `complete through ${time(completeThrough)} ${zoneShort()}`
    freshness.title = 'Everything that arrived up to then is in what you see.'
  } else freshness.textContent = ''
}

const setZones = (more) => {
  const names = [...new Set([browserZone, 'UTC', currentZone(), ...(more ? [more] : [])])]
  replace(
    zone,
    names.map((name) => h('option', { value: name, selected: name === currentZone() }, name)),
  )
}

zone.addEventListener('change', () => {
  setZone(zone.value)
  void show()
})
pause.addEventListener('click', () => {
  paused = !paused
  pause.setAttribute('aria-pressed', String(paused))
  pause.textContent = paused ? 'Paused' : 'Pause'
  if (!paused) void refresh()
})
document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return
  if (event.key === '/') {
    event.preventDefault()
    document.querySelector('input[type=search]')?.focus()
  } else if (event.key === 'p') pause.click()
  else if (event.key === 'Escape' && location.hash.startsWith('#/device')) location.hash = '#/fleet'
  else if (event.key === 'Escape' && location.hash.startsWith('#/alarm/')) location.hash = asKnownAt('#/alarms', current?.knownAt)
})
window.addEventListener('hashchange', () => {
  takeTokenFromAddress()
  void show()
})
setInterval(() => {
  if (!paused && document.visibilityState === 'visible') void refresh()
}, refreshMs)
document.addEventListener('visibilitychange', () => {
  if (!paused && document.visibilityState === 'visible') void refresh()
})

takeTokenFromAddress()
setZones()
void show()
