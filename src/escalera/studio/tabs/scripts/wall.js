// One box that chooses all the pictures shown, or none. `element` is the component.
element.addEventListener('change', event => {
  if (event.target.dataset.part !== 'all') return;
  for (const box of element.querySelectorAll('input[name=picture]')) box.checked = event.target.checked;
});
// The page gives a box that is there already to another picture when one has moved or gone: it was not chosen.
new MutationObserver(changes => {
  for (const { target } of changes) if (target.name === 'picture') target.checked = false;
  const all = element.querySelector('[data-part=all]');
  if (all) all.checked = false;
}).observe(element, { subtree: true, childList: true, attributes: true, attributeFilter: ['value'] });
