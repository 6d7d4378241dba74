// What is amiss in the page as it is shown: names of controls, contrast, width, and its words; returns plain values.
const shown = node => {
  const box = node.getBoundingClientRect(), style = getComputedStyle(node);
  return box.width > 1 && box.height > 1 && style.visibility !== 'hidden' && node.checkVisibility({ opacityProperty: true });
};
const colour = text => {
  const found = text.match(/[\d.]+/g).map(Number);
  if (text.startsWith('color(srgb')) return [...found.slice(0, 3).map(one => 255 * one), found[3] ?? 1];
  return [found[0], found[1], found[2], found[3] ?? 1];
};
const over = (top, below) => top.slice(0, 3).map((one, at) => one * top[3] + below[at] * (1 - top[3]));
const linear = one => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
const light = rgb => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
const ratio = (one, two) => (Math.max(light(one), light(two)) + 0.05) / (Math.min(light(one), light(two)) + 0.05);

function behind(node) {
  const layers = [];
  for (let one = node; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (style.backgroundImage !== 'none' && one !== document.body) return null;
    layers.push(colour(style.backgroundColor));
  }
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
}
function opacity(node) {
  let whole = 1;
  for (let one = node; one; one = one.parentElement) whole *= Number(getComputedStyle(one).opacity);
  return whole;
}

const faint = [], words = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
  if (!text || !shown(node) || node.closest('script, style, noscript, [aria-hidden=true]')) continue;
  if (!node.closest('code, pre, .cm-editor, [lang]:not(html)')) words.push(text);
  if (node.closest(':disabled, [aria-disabled=true]') || !/[\p{L}\p{N}]/u.test(text)) continue;
  const back = behind(node);
  if (!back) continue;
  const style = getComputedStyle(node), own = colour(node.closest('svg') ? style.fill : style.color);
  own[3] *= opacity(node) * (node.closest('svg') ? Number(style.fillOpacity) : 1);
  const found = ratio(over(own, back), back);
  if (found < 4.5) faint.push(`${found.toFixed(2)} ${text.slice(0, 40)} (${node.tagName.toLowerCase()}.${node.className.baseVal ?? node.className})`);
}
const controls = [...document.querySelectorAll(
  'button, a[href], input, textarea, select, summary, video, iframe, [role=button], [role=tab], [tabindex="0"]')]
  .filter(node => !node.closest('[aria-hidden=true], [role=listbox]') && (shown(node) || (node.type === 'file' && node.closest('label') && shown(node.closest('label')))));
for (const node of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
  if (!shown(node) || node.closest('code, pre, .cm-editor, [lang]:not(html)')) continue;
  for (const name of ['aria-label', 'title', 'placeholder', 'alt']) if (node.getAttribute(name)) words.push(node.getAttribute(name));
}
const unreachable = controls.filter(node => !node.disabled && !['VIDEO', 'IFRAME'].includes(node.tagName) && node.tabIndex < 0)
  .map(node => node.outerHTML.slice(0, 140));
const wide = [...document.body.querySelectorAll('*')].filter(node => shown(node) && node.getBoundingClientRect().right > innerWidth + 1)
  .filter(node => { for (let one = node.parentElement; one; one = one.parentElement) if (getComputedStyle(one).overflowX !== 'visible') return false; return true; })
  .map(node => `${node.tagName}.${node.className}`.slice(0, 60)).slice(0, 5);
return { faint: [...new Set(faint)], words, controls, unreachable, scrolls: document.documentElement.scrollWidth - innerWidth, wide };
