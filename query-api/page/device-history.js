/** Presence over the range as a strip, and presence changes and boots as one list. */
import { get } from './api.js'
import { h, replace } from './dom.js'
import { age, exactTime, time } from './format.js'

const monthMs = 31 * 86_400_000

export const historyPart = (id) => {
  const strip = h('div', { class: 'strip', role: 'img' })
  const legend = h('div', { class: 'strip-legend' })
  const list = h('tbody', {})
  const root = h(
    'section',
    { class: 'panel' },
    h('h2', {}, 'Presence and boots', h('small', {}, 'newest first, 31 days')),
    strip,
    legend,
    h('div', { class: 'scroll' }, h('table', { class: 'small-table' }, list)),
  )

  const refresh = async ({ fromMs, toMs, live, knownAt }) => {
    const asked = {
      from: new Date(toMs - monthMs).toISOString(),
      to: live ? undefined : new Date(toMs + 1).toISOString(),
      limit: 200,
      knownAt,
    }
    const [presence, boots] = await Promise.all([get(`devices/${id}/presence`, asked), get(`devices/${id}/boots`, asked)])
    drawStrip(strip, presence.items, boots.items, fromMs, toMs)
    replace(
      legend,
      h('span', {}, time(new Date(fromMs).toISOString())),
      h('span', {}, 'online, offline, unknown; a dark line is a boot'),
      h('span', {}, time(new Date(toMs).toISOString())),
    )
    const rows = [
      ...presence.items.map((item) => ({
        at: item.observedAt,
        what: [h('span', { class: `dot ${item.state}` }), ` ${item.state}`],
        why: item.reason ?? '',
      })),
      ...boots.items.map((item) => ({ at: item.observedAt, what: 'boot', why: bootText(item) })),
    ].sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    replace(
      list,
      rows.length === 0 ? h('tr', {}, h('td', { class: 'soft' }, 'Nothing in 31 days.')) : undefined,
      rows
        .slice(0, 60)
        .map(({ at, what, why }) =>
          h(
            'tr',
            {},
            h('td', { class: 'nowrap', title: exactTime(at) }, time(at)),
            h('td', { class: 'nowrap' }, what),
            h('td', { class: 'soft' }, why),
          ),
        ),
    )
  }
  return { root, refresh }
}

const evidence = { told: '', 'new-boot-id': ', seen by a new boot id', 'uptime-fell': ', seen by a shorter uptime' }
const bootText = ({ reason, uptimeBeforeSeconds, evidence: seen }) =>
  `${reason ?? 'reason not told'}${uptimeBeforeSeconds === null ? '' : `, after ${age(uptimeBeforeSeconds)} of uptime`}${evidence[seen] ?? ''}`

const drawStrip = (strip, presence, boots, fromMs, toMs) => {
  const width = toMs - fromMs
  const place = (className, startMs, endMs) => {
    const bar = h('i', { class: className })
    bar.style.left = `${((Math.max(startMs, fromMs) - fromMs) / width) * 100}%`
    if (endMs !== undefined) bar.style.width = `${((Math.min(endMs, toMs) - Math.max(startMs, fromMs)) / width) * 100}%`
    return bar
  }
  const changes = [...presence].reverse()
  const bars = changes.flatMap(({ state, observedAt }, i) => {
    const startMs = Date.parse(observedAt)
    const endMs = i + 1 < changes.length ? Date.parse(changes[i + 1].observedAt) : toMs
    return endMs <= fromMs || startMs >= toMs ? [] : [place(state, startMs, endMs)]
  })
  const ticks = boots.map(({ observedAt }) => Date.parse(observedAt)).filter((ms) => ms >= fromMs && ms <= toMs)
  strip.replaceChildren(...bars, ...ticks.map((ms) => place('boot', ms)))
  strip.setAttribute('aria-label', `${changes.length} presence changes and ${ticks.length} boots; listed below`)
}
