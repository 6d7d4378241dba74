// What the parts with a camera have in common, before the script of each: it begins when its button is pressed, and ends
// with the page. `element` is the component; a part says in `camera` what happens to it besides.
const words = JSON.parse(element.querySelector('[data-words]').dataset.words);
const part = name => element.querySelector(`[data-part=${name}]`);
const say = text => { part('said').textContent = text; };
const video = part('video'), power = part('power'), camera = { begins() {}, shows() {}, ends() {} };
let stream = null;
function off() {
  camera.ends();
  stream?.getTracks().forEach(track => track.stop());
  stream = null;
  video.srcObject = null;
  video.hidden = true;
  power.textContent = words.on;
}
power.addEventListener('click', async () => {
  if (stream) return off();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: 'environment' } });
  } catch {
    return say(words.no_camera);
  }
  video.srcObject = stream;
  video.hidden = false;
  power.textContent = words.off;
  camera.begins();
  await video.play();
  camera.shows();
});
window.addEventListener('pagehide', off);
