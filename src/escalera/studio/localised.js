// Before gradio's own scripts: the browser answers in the language of the page, and what gradio names in English only
// gets its name in it: `names` is {English: name}.
({ code, names }) => {
  Object.defineProperty(navigator, 'language', { get: () => code });
  Object.defineProperty(navigator, 'languages', { get: () => [code] });
  document.documentElement.lang = code;
  const attributes = ['aria-label', 'title', 'placeholder'], named = attributes.map(one => `[${one}]`).join();
  const name = node => {
    for (const one of attributes) {
      const found = names[node.getAttribute(one)];
      if (found) node.setAttribute(one, found);
    }
  };
  new MutationObserver(changes => {
    for (const { type, target, addedNodes } of changes) {
      if (type === 'attributes') name(target);
      for (const node of addedNodes) if (node.nodeType === 1) [node, ...node.querySelectorAll(named)].forEach(name);
    }
  }).observe(document, { subtree: true, childList: true, attributeFilter: attributes });
}
