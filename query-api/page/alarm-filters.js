/** What of the alarms is asked for: kept while one looks at an alarm and comes back, and in the address, so that it can be sent to someone. */

const pageSize = 100
const defaults = {
  state: 'active',
  severity: '',
  operator: '',
  class: '',
  type: '',
  symptoms: 'false',
  quiet: '',
  sort: 'severity',
}
/** What keeps an alarm quiet, as the API asks for it. */
const quiets = {
  loud: { shelved: 'false', suppressed: 'false' },
  shelved: { shelved: 'true' },
  suppressed: { suppressed: 'true' },
  maintenance: { maintenance: 'true' },
}
const sorts = { severity: { sort: 'severity' }, newest: { sort: 'raisedAt' }, oldest: { sort: 'raisedAt', order: 'asc' } }

export const asked = { ...defaults, limit: pageSize }

/** An address that names any of them means these and no others. */
export const takeAsked = (params) => {
  const named = Object.keys(defaults).filter((name) => params.has(name))
  if (named.length > 0)
    Object.assign(asked, defaults, Object.fromEntries(named.map((name) => [name, params.get(name)])), { limit: pageSize })
}

export const ask = (changes) => Object.assign(asked, { limit: pageSize }, changes)

/** Is it narrower than what one comes to see first? */
export const isNarrowed = () => ['severity', 'operator', 'class', 'type', 'quiet'].some((name) => asked[name] !== '')

/** Parameters of the API, without the order and the page. */
export const filterParams = () => {
  const { limit: _limit, sort: _sort, quiet, ...rest } = asked
  return { ...rest, ...quiets[quiet] }
}
export const sortParams = () => sorts[asked.sort] ?? sorts.severity

/** The address of the list as it is asked for, beside what its view holds fast. */
export const askedHash = (fixed) => {
  const params = new URLSearchParams(fixed)
  for (const [name, value] of Object.entries(defaults)) if (asked[name] !== value) params.set(name, asked[name])
  return params.size === 0 ? '#/alarms' : `#/alarms?${params}`
}
