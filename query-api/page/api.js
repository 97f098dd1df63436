/** Calls of the API with the token, which lives in this tab's sessionStorage only. */

const tokenKey = 'fleet-recorder-token'

/** Taken once from `#token=...` (and removed from the address), so that a link of the first start can log in. */
export const takeTokenFromAddress = () => {
  const match = /^#token=([^&]+)/.exec(location.hash)
  if (match === null) return
  sessionStorage.setItem(tokenKey, decodeURIComponent(match[1]))
  history.replaceState(null, '', `${location.pathname}#/fleet`)
}

export const setToken = (token) => {
  sessionStorage.setItem(tokenKey, token)
}

export class ApiError extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title)
    this.problem = problem
  }
}

/** For people, of a call that was refused or not answered. */
export const failure = (error) =>
  error instanceof ApiError ? `${error.problem.title}. ${error.message}` : `The recorder did not answer (${error.message}).`

/** `params` without a value are left out. Rejects with ApiError (a problem), or TypeError when nothing answers. */
export const get = (path, params = {}, signal = undefined) => {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== ''))
  return call(`/api/v1/${path}${query.size > 0 ? `?${query}` : ''}`, { signal })
}

export const post = (path, body) =>
  call(`/api/v1/${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

const call = async (url, init) => {
  const token = sessionStorage.getItem(tokenKey) ?? ''
  const response = await fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } })
  const text = await response.text()
  let body
  try {
    body = JSON.parse(text)
  } catch {
    body = {
      title: `HTTP ${response.status}`,
      status: response.status,
      code: 'UNREADABLE',
      detail: `The answer is no JSON (HTTP ${response.status}).`,
    }
  }
  if (!response.ok) throw new ApiError(body)
  return body
}
