/**
 * Elements from plain values. Text only ever becomes a text node: what a device wrote cannot become markup.
 * Props: `class`, `on*` handlers, `data-*`/`aria-*` attributes, else properties or attributes by name.
 */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children)

export const svg = (tag, attributes) => {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value))
  return node
}

const fill = (node, props, children) => {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else if (name in node && !name.includes('-')) node[name] = value
    else if (name === 'class') node.className = value
    else node.setAttribute(name, value === true ? '' : String(value))
  }
  append(node, children)
  return node
}

const append = (node, children) => {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue
    node.append(child instanceof Node ? child : String(child))
  }
}

/** Replaces the content and keeps what a reader had open or under the keyboard, found again by `data-key`. */
export const replace = (node, ...children) => {
  const focused = node.contains(document.activeElement) ? document.activeElement?.closest('[data-key]')?.dataset.key : undefined
  const open = new Set([...node.querySelectorAll('details[open][data-key]')].map((details) => details.dataset.key))
  node.replaceChildren()
  append(node, children)
  for (const details of node.querySelectorAll('details[data-key]')) if (open.has(details.dataset.key)) details.open = true
  if (focused !== undefined) node.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
}

/** Runs once the caller has been quiet for that long. */
export const debounce = (afterMs, run) => {
  let timer
  return (...args) => {
    clearTimeout(timer)
    timer = setTimeout(() => run(...args), afterMs)
  }
}

/** A button that asks once more before it acts. */
export const confirmButton = (text, question, act, props = {}) => {
  const button = h('button', { type: 'button', ...props }, text)
  let armed
  const disarm = () => {
    clearTimeout(armed)
    armed = undefined
    button.textContent = text
    button.classList.remove('armed')
  }
  button.addEventListener('click', async () => {
    if (armed === undefined) {
      button.textContent = question
      button.classList.add('armed')
      armed = setTimeout(disarm, 5000)
      return
    }
    disarm()
    button.disabled = true
    try {
      await act()
    } finally {
      button.disabled = false
    }
  })
  return button
}
